"""What Amazon, Microsoft and Google answer when they refuse, as users have reported it, and the sentence that comes of it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bunter.butler.diagnosis import diagnose
from bunter.datastore.bucket import Upload
from bunter.datastore.service_words import failure
from bunter.datastore.services import open_bucket
from bunter.errors import StoreDeniedError, StoreUnavailableError
from cloud_servers import ACCOUNT, ACCOUNT_KEY, ServiceAccount

DEEDS = {
    "list": lambda bucket: list(bucket.walk()),
    "look": lambda bucket: bucket.stat_many(["k"]),
    "read": lambda bucket: bucket.read("k"),
    "write": lambda bucket: bucket.write_many([Upload("k", b"1", 1)]),
}


def xml(code, message, more=""):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}<RequestId>5D</RequestId></Error>'


def azure_xml(code, message, detail=""):
    more = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
    text = f"{message}\nRequestId:6efbdc78-601e-0081-4814-4f3158000000\nTime:2020-06-30T19:27:39.0331292Z"
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{text}</Message>{more}</Error>'
    )


UNSIGNED = "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature."

AMAZON = {
    "a bucket of another region": (
        301,
        {"x-amz-bucket-region": "eu-west-1"},
        xml(
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
            "<Endpoint>bucket.s3.eu-west-1.amazonaws.com</Endpoint><Bucket>bucket</Bucket>",
        ),
        "the bucket is in the region 'eu-west-1'; set AWS_REGION=eu-west-1",
    ),
    "a wrong region": (
        400,
        {"x-amz-bucket-region": "eu-central-1"},
        xml(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
            "<Region>eu-central-1</Region>",
        ),
        "the bucket is in the region 'eu-central-1'; set AWS_REGION=eu-central-1",
    ),
    "an expired token": (
        400,
        {},
        xml("ExpiredToken", "The provided token has expired.", "<Token-0>secret</Token-0>"),
        "the session has expired; sign in again, see AWS_ACCESS_KEY_ID",
    ),
    "a wrong clock": (
        403,
        {},
        xml(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            "<RequestTime>20250901T162148Z</RequestTime><ServerTime>2025-09-01T17:21:50Z</ServerTime>"
            "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>",
        ),
        "the clock of this machine is 60 minutes slow, more than the service allows; set the time by NTP",
    ),
    "a bucket whose requester pays": (
        403,
        {"x-amz-bucket-region": "us-east-1"},
        xml("AccessDenied", "Access Denied"),
        "(AccessDenied); `bunter doctor s3://bucket/x` says which rights are missing",
    ),
}
MICROSOFT = {
    "a signature that has expired": (
        403,
        {"x-ms-error-code": "AuthenticationFailed"},
        azure_xml(
            "AuthenticationFailed",
            UNSIGNED,
            "Signature not valid in the specified time frame: Start [Fri, 22 May 2020 18:45:17 GMT] - Expiry "
            "[Tue, 30 Jun 2020 18:45:00 GMT] - Current [Tue, 30 Jun 2020 19:27:39 GMT]",
        ),
        (
            "the token is valid from Fri, 22 May 2020 18:45:17 GMT to Tue, 30 Jun 2020 18:45:00 GMT, and it is Tue, 30 Jun 2020 "
            "19:27:39 GMT there; make a new one"
        ),
    ),
    "a token that has expired": (
        401,
        {"x-ms-error-code": "InvalidAuthenticationInfo"},
        azure_xml(
            "InvalidAuthenticationInfo",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
            "Lifetime validation failed. The token is expired.",
        ),
        "the token has expired; sign in again with `az login`",
    ),
    "a wrong clock": (
        403,
        {"x-ms-error-code": "AuthenticationFailed"},
        azure_xml("AuthenticationFailed", UNSIGNED, "Request date header too old: 'Thu, 31 Dec 2015 19:41:27 GMT'"),
        "the clock of this machine is wrong by more than the service allows; set the time by NTP",
    ),
    "a role that is missing": (
        403,
        {"x-ms-error-code": "AuthorizationPermissionMismatch"},
        azure_xml(
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        ),
        "ask for the role 'Storage Blob Data Contributor'",
    ),
    "a firewall": (
        403,
        {"x-ms-error-code": "AuthorizationFailure"},
        azure_xml("AuthorizationFailure", "This request is not authorized to perform this operation."),
        "have the address of this machine allowed",
    ),
}
GOOGLE = {
    "a bucket whose requester pays": (
        400,
        {},
        xml("UserProjectMissing", "Bucket is a requester pays bucket but no user project provided."),
        "name the project that pays as 'billed_project' of its endpoint",
    ),
    "a token that is not taken": (
        401,
        {},
        xml("AuthenticationRequired", "Authentication required."),
        "`gcloud auth application-default login` makes a new one",
    ),
}


class Replaying(BaseHTTPRequestHandler):
    """Answers every request alike, to HEAD without a body as HTTP has it."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(dict(self.headers))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        content = body.encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815 - names of the standard library

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def service(monkeypatch, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Replaying)
    server.asked, server.answer = [], (404, {}, "")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    blobs = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={server.url}/{ACCOUNT};"
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AZURE_STORAGE_CONNECTION_STRING": blobs,
        "GOOGLE_BASE_URL": server.url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(ServiceAccount(tmp_path / "account.json").path),
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


def check(service, address, recorded, deed):
    *service.answer, words = recorded
    with pytest.raises((StoreDeniedError, StoreUnavailableError)) as caught:
        DEEDS[deed](open_bucket(address))
    said = str(caught.value)
    assert words in said
    assert "\n" not in said
    assert "<" not in said
    assert "secret" not in said


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", AMAZON)
def test_amazon_is_understood(service, name, deed):
    check(service, "s3://bucket/x", AMAZON[name], deed)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", MICROSOFT)
def test_microsoft_is_understood(service, name, deed):
    check(service, "az://container/x", MICROSOFT[name], deed)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", GOOGLE)
def test_google_is_understood(service, name, deed):
    check(service, "gs://bucket/x", GOOGLE[name], deed)


def test_the_doctor_says_the_same_in_one_sentence(service):
    *service.answer, words = AMAZON["a bucket of another region"]
    last = diagnose("s3://bucket/x")[-1]
    assert (last.check, last.verdict) == ("list", "wrong")
    assert words in last.detail


@pytest.mark.parametrize("deed", ["list", "read"])
def test_reading_denied_by_amazon_reminds_of_the_requester_who_pays(service, deed):
    *service.answer, _ = AMAZON["a bucket whose requester pays"]
    with pytest.raises(
        StoreDeniedError, match="where the requester pays, 'requester_pays: true' belongs to its endpoint"
    ):
        DEEDS[deed](open_bucket("s3://bucket/x"))


@pytest.mark.parametrize(
    ("scheme", "setting", "header"),
    [
        ("s3", "requester_pays: true", ("x-amz-request-payer", "requester")),
        ("gs", "billed_project: survey", ("x-goog-user-project", "survey")),
    ],
)
def test_who_is_to_pay_stands_in_the_file_of_endpoints(  # noqa: PLR0917 - the pieces of one case
    service, scheme, setting, header, tmp_path, monkeypatch
):
    (tmp_path / "endpoints.yaml").write_text(f"{scheme}: {{{setting}}}\n")
    monkeypatch.setenv("BUNTER_ENDPOINTS", str(tmp_path / "endpoints.yaml"))
    assert open_bucket(f"{scheme}://bucket/x").stat_many(["k"]) == [None]
    assert header in {(name.lower(), value) for name, value in service.asked[-1].items()}


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ("Token has been expired or revoked.", "`gcloud auth application-default login` makes a new one"),
        (
            (
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp "
                "values and use a clock with skew to account for clock differences between systems."
            ),
            "the clock of this machine is wrong",
        ),
    ],
)
def test_what_google_says_where_tokens_are_given_out_is_understood(described, words):
    said = f'Generic GCS error: 400 Bad Request: {{"error": "invalid_grant", "error_description": "{described}"}}'
    error = failure(OSError(said), "store_get", "gs://bucket/x/k", "gs://bucket/x", denied=False)
    assert words in str(error)
