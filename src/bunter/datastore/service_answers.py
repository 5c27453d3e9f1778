"""What the answers of Amazon, Microsoft and Google say beyond their codes: where a bucket is, how wrong a clock, when a token ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer"]

_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_ELSEWHERE = "redirect without LOCATION"  # Amazon's 301 has no address; obstore does not show what it says
_NO_GRANT = "invalid_grant"

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_CREDENTIALS = {
    "InvalidAccessKeyId": "the service does not know the access key; see {keys}",
    "SignatureDoesNotMatch": "the service finds that the secret is not the one of the access key; see {keys}",
    "InvalidToken": "the service does not know the session's token; see {keys}",
    "ExpiredToken": "the service says that the session has expired; sign in again, see {keys}",
    "TokenRefreshRequired": "the service says that the session has expired; sign in again, see {keys}",
    "AuthenticationFailed": "the service does not take the account's key or token; see {keys}",
    "InvalidAuthenticationInfo": "the service does not take the token, whose time may be over; sign in again with `az login`",
    "KeyBasedAuthenticationNotPermitted": (
        "the account takes no keys; sign in with `az login` and set AZURE_USE_AZURE_CLI=true"
    ),
    "AuthorizationFailure": (
        "the account's firewall lets this machine not in, or its key may not do this; have the address of this machine allowed"
    ),
    "AuthorizationPermissionMismatch": (
        "these credentials have no role for this; ask for the role 'Storage Blob Data Contributor', or '... Reader' to read only"
    ),
    "PublicAccessNotPermitted": "the account gives out nothing without credentials; take 'anonymous: true' from its endpoint",
    "AuthenticationRequired": (
        "the service does not take the token, whose time may be over, or the clock of this machine is wrong; "
        "`gcloud auth application-default login` makes a new one"
    ),
    "UserProjectMissing": (
        "whoever asks pays for this bucket; name the project that pays as 'billed_project' of its endpoint in the site's file"
    ),
    "UserProjectAccountProblem": "the project that is to pay has no account for it; name another 'billed_project'",
}
_CLOCK = "the clock of this machine is wrong by more than the service allows; set the time by NTP"
_REGIONS = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
_REGION = re.compile(
    r"<Region>\s*([\w-]+)\s*</Region>|expecting '([\w-]+)'|The ([\w-]+) location constraint|"
    r"<Endpoint>[^<]*?s3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws"
)
_OTHERS = {
    "RequestTimeTooSkewed": _CLOCK,
    "QuotaExceeded": "the quota of the bucket is used up",
    "SlowDown": "the service asks for fewer requests, and went on asking until we gave up",
    "InvalidObjectState": "the object is in an archive; have it restored first, which takes hours",
    "AccountIsDisabled": "the account is closed; ask who pays for it",
    "AccountProblem": "the account has a problem, such as an unpaid bill; ask who pays for it",
}
_TIMES = re.compile(r"<RequestTime>([^<]+)</RequestTime>.*<ServerTime>([^<]+)</ServerTime>", re.DOTALL)
_VALID = re.compile(r"Start \[([^\]]*)\] - Expiry \[([^\]]*)\] - Current \[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal as a service words it.

    Parameters
    ----------
    code : str
        Its code, empty if there is none.
    text : str
        All of it.
    region : str
        Where the bucket is, if it is elsewhere and that is known.
    """

    code: str
    text: str
    region: str = ""

    @classmethod
    def of(cls, exc: BaseException, region: Callable[[], str]) -> Self:
        """Read what a client raised; ``region`` finds out where a bucket is."""
        text = str(exc)
        found = _CODE.search(text)
        code = found.group(1) if found else ""
        if _ELSEWHERE in text:
            code = "PermanentRedirect"
        elif not code and _NO_GRANT in text:
            code = _NO_GRANT
        if code not in _REGIONS:
            return cls(code, text)
        named = _REGION.search(text)
        return cls(code, text, next(filter(None, named.groups())) if named else region())

    def about_credentials(self, scheme: str) -> str | None:
        """Say what to do about credentials, if it is about them."""
        if self.code == _NO_GRANT and "JWT" not in self.text:
            return "the sign-in has expired or was taken back; `gcloud auth application-default login` makes a new one"
        if (valid := _VALID.search(self.text)) is not None:
            begin, end, now = valid.groups()
            return f"the token is valid from {begin} to {end}, and it is {now} there; make a new one, or set the time by NTP"
        if "Lifetime validation failed" in self.text:
            return "the token has expired; sign in again with `az login`"
        if "Request date header too old" in self.text:
            return None
        said = _CREDENTIALS.get(self.code)
        return None if said is None else said.format(keys=_KEYS.get(scheme, "~/.netrc"))

    def about_others(self) -> str | None:
        """Say what to do about region, clock or account, if it is about them."""
        if self.code in _REGIONS:
            if not self.region:
                return "the region is another one; say it in AWS_REGION, or as 'region' of the endpoint"
            return f"the bucket is in the region {self.region!r}; set AWS_REGION={self.region}, or 'region: {self.region}' for its endpoint"
        if self.code == "RequestTimeTooSkewed" and (skew := self._skew()):
            return f"the clock of this machine is {skew}, more than the service allows; set the time by NTP"
        if self.code == _NO_GRANT or "Request date header too old" in self.text:
            return _CLOCK
        return _OTHERS.get(self.code)

    def _skew(self) -> str:
        times = _TIMES.search(self.text)
        try:
            asked, there = map(datetime.fromisoformat, times.groups()) if times else (None, None)
        except ValueError:
            return ""
        if asked is None or there is None:
            return ""
        seconds = (asked - there).total_seconds()
        return f"{abs(seconds) / 60:.0f} minutes {'fast' if seconds > 0 else 'slow'}"
