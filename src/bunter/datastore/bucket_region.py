"""In which of Amazon's regions a bucket is: it says so to everybody, whatever else it refuses."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

from bunter import effects

__all__ = ["region_of"]

_TIMEOUT_S = 3.0


def region_of(endpoint: str, bucket: str) -> str:
    """Return the region of a bucket, empty if the service does not tell.

    Parameters
    ----------
    endpoint : str
        Address of the service, in whatever region.
    bucket : str
        Its name.
    """
    effects.request("region", f"{endpoint}/{bucket}", changes=False)
    parts = urlsplit(endpoint)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        with closing(kind(parts.netloc, timeout=_TIMEOUT_S)) as connection:
            connection.request("HEAD", f"{parts.path.rstrip('/')}/{quote(bucket)}")
            return connection.getresponse().getheader("x-amz-bucket-region") or ""
    except (OSError, HTTPException):
        return ""
