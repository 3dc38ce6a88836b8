#!/usr/bin/env python3
"""A Depot: a registry that takes pushes only into shelves that were booked at its desk.

    server.py UPSTREAM [PORT]

It forwards /v2/ to the registry UPSTREAM, as HOST:PORT. PORT 0 takes a free one. The first line of the
output is the address.
"""

import http.client
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = sys.argv[1]
SHELVES: dict[str, int] = {}
CHANGES = ("POST", "PUT", "PATCH")


class Depot(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def desk(self) -> None:
        """Answers for the desk: GET tells whether a shelf is booked, POST books it."""
        shelf = self.path.removeprefix("/desk/shelves/")
        if shelf.count("/") != 1:
            return self.answer(400, b"a shelf is HALL/SHELF")
        if self.command == "GET":
            return self.answer(200 if shelf in SHELVES else 404, b"")
        days = json.loads(self.body() or b"{}").get("days")
        if self.command != "POST" or not isinstance(days, int):
            return self.answer(400, b"POST needs days")
        SHELVES[shelf] = days
        return self.answer(201, b"")

    def registry(self) -> None:
        """Forwards a request, unless it pushes into a shelf that is not booked."""
        parts = self.path.split("?")[0].split("/")
        if self.command in CHANGES and "/".join(parts[2:4]) not in SHELVES:
            error = {"code": "DENIED", "message": "the shelf is not booked"}
            return self.answer(403, json.dumps({"errors": [error]}).encode())
        upstream = http.client.HTTPConnection(UPSTREAM)
        skipped = ("host", "connection", "content-length", "transfer-encoding")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        # The upstream registry names itself in Location, as its clients do.
        headers["Host"] = self.headers["Host"]
        upstream.request(self.command, self.path, self.body(), headers)
        response = upstream.getresponse()
        body = response.read()
        kept = [(k, v) for k, v in response.getheaders() if k.lower() not in skipped[1:]]
        length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
        self.answer(response.status, body, [*kept, ("Content-Length", length or "0")])

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in headers or [("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.desk() if self.path.startswith("/desk/shelves/") else self.registry()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Prints nothing for a request."""


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Depot)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
