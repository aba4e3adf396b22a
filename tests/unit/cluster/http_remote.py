"""Server of files over HTTP, as a DVC remote with `method: PUT`.

`python -m tests.unit.cluster.http_remote FOLDER ADDRESS PORT` runs it alone.
"""

import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(SimpleHTTPRequestHandler):
    """Files of a folder; none can be listed or removed."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Store a file."""
        file = Path(self.translate_path(self.path))
        file.parent.mkdir(parents=True, exist_ok=True)
        if "Content-Length" in self.headers:
            content = self.rfile.read(int(self.headers["Content-Length"]))
        else:  # chunked
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        temporary = file.with_name(f"{file.name}.new")
        temporary.write_bytes(content)
        temporary.replace(file)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def list_directory(self, path: object) -> None:
        """Refuse to list a folder."""
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


def make_server(folder: Path, address: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return a server; `serve_forever` starts it."""

    class Handler(_Handler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

    return ThreadingHTTPServer((address, port), Handler)


if __name__ == "__main__":
    make_server(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])).serve_forever()
