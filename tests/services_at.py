"""Services of tests: all at one port of this machine."""


def services_at(monkeypatch, port):
    """Let S3 and Swift be at a port, whatever the environment says."""
    for name in ("OS_STORAGE_URL", "OS_AUTH_URL", "OS_CLOUD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "ST_AUTH": f"http://127.0.0.1:{port}/auth/v1.0",
        "ST_USER": "u",
        "ST_KEY": "k",
    }.items():
        monkeypatch.setenv(name, value)
