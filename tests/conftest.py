"""What all tests share: property tests have no deadline, since a loaded machine is no bug; a PostgreSQL server."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from cloud_servers import azure_place, azure_server, google_place, google_server
from object_store_servers import s3_place, s3_server, sftp_folder, sftp_server, webdav_folder, webdav_server
from postgres_server import postgres_server, postgres_url
from swift_server import swift_place, swift_s3_place, swift_server

__all__ = [
    "azure_place",
    "azure_server",
    "google_place",
    "google_server",
    "postgres_server",
    "postgres_url",
    "s3_place",
    "s3_server",
    "sftp_folder",
    "sftp_server",
    "swift_place",
    "swift_s3_place",
    "swift_server",
    "webdav_folder",
    "webdav_server",
]

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
