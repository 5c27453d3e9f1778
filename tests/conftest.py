"""What all tests share: real servers, one seed for all that draw, and no test that is passed over in CI.

Property tests have no deadline, and may draw slowly, since a loaded machine is no bug.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from cloud_servers import azure_place, azure_server, google_place, google_server
from object_store_servers import s3_place, s3_server, sftp_folder, sftp_server, webdav_folder, webdav_server
from postgres_server import postgres_server, postgres_url
from spare_repositories import spare_repositories
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
    "spare_repositories",
    "swift_place",
    "swift_s3_place",
    "swift_server",
    "webdav_folder",
    "webdav_server",
]

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # programs that tests start would compile the package each time
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    os.environ.setdefault("BUNTER_SEED", str(time.time_ns() % 10**9))  # before workers start, which take it over
    config.option.hypothesis_seed = config.option.hypothesis_seed or os.environ["BUNTER_SEED"]


def pytest_collection_modifyitems(items):
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.timeout(900), append=True)  # it looks for a smaller example for up to 300 s


def pytest_report_header():
    return f"BUNTER_SEED={os.environ['BUNTER_SEED']} repeats what is drawn at random"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return failed_if_passed_over((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return failed_if_passed_over((yield))


def failed_if_passed_over(report):
    """In CI what a test needs is there, or the test has failed."""
    is_apart = report.nodeid.startswith("tests/oracle")  # these have an environment of their own, and are chosen there
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") and not is_apart:
        report.outcome, report.longrepr = "failed", f"CI passes nothing over; {report.longrepr[2]}"
    return report
