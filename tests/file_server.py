"""A web server of files for tests."""

from http.server import SimpleHTTPRequestHandler
from pathlib import Path


class WithRanges(SimpleHTTPRequestHandler):
    """Files of a folder, also in ranges, as every common web server gives them."""

    def do_GET(self):
        asked = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            super().do_GET()
            return
        begin, _, end = asked.removeprefix("bytes=").partition("-")
        size = path.stat().st_size
        first, last = int(begin), min(int(end or size - 1), size - 1)
        with path.open("rb") as file:
            file.seek(first)
            content = file.read(last - first + 1)
        self.server.sent.append(len(content))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""
