"""A hub on the loopback: the part of its interface that its client uses to list, fetch and read pieces."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

COMMIT = "bda5dde942d7f7b41bff7935f086ed9a9e348ae3"


class Hub:
    """The files of one data set, by name; `sent` counts the bytes of each, `requests` lists the paths."""

    def __init__(self, repo: str, files: Mapping[str, bytes], commit: str = COMMIT) -> None:
        self.repo, self.files, self.commit = repo, dict(files), commit
        self.sent = dict.fromkeys(files, 0)
        self.requests: list[str] = []
        self.broken = False
        """If set, every file is refused."""
        self.url = ""

    def entries(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in self.files.items()
        ]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._file(head=True)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._json(hub.entries())

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(path)
            about = f"/api/datasets/{hub.repo}"
            if path.startswith(f"{about}/tree/"):
                self._json(hub.entries())
            elif path.startswith(about):
                siblings = [{"rfilename": name} for name in hub.files]
                self._json({"_id": "1", "id": hub.repo, "sha": hub.commit, "siblings": siblings})
            else:
                self._file()

        def _json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _file(self, head: bool = False) -> None:
            name = unquote(urlsplit(self.path).path).partition(f"/{hub.commit}/")[2]
            if name not in hub.files:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            if hub.broken:
                self._send(403, b"no more")
                return
            data = hub.files[name]
            more = {"X-Repo-Commit": hub.commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            status, whole = 200, len(data)
            if said := self.headers.get("Range"):
                first, last = said.removeprefix("bytes=").split("-")
                end = min(int(last) if last else whole - 1, whole - 1)
                more["Content-Range"] = f"bytes {first}-{end}/{whole}"
                status, data = 206, data[int(first) : end + 1]
            if not head:
                hub.sent[name] += len(data)
            self._send(status, data, {**more, "Accept-Ranges": "bytes"}, head)

        def _send(self, status: int, data: bytes, more: Mapping[str, str] = {}, head: bool = False) -> None:
            self.send_response(status)
            for key, value in {**more, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if not head:
                self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{httpd.server_port}"
    try:
        yield hub
    finally:
        httpd.shutdown()
        httpd.server_close()
