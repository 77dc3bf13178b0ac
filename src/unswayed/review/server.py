"""The page on which a person labels thoughts: served on loopback only, to whoever knows the token.

The answer, the condition and what judges said stay here: the page gets picture, question, options and
thought. Every reply forbids all that the page does not need; what a model wrote travels as JSON and is
written as text. The page's address is ``http://127.0.0.1:PORT/TOKEN/``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from unswayed.formatting import visible
from unswayed.review.labels import Book

LONGEST = 1024
"""Bytes of a request's body that are read."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True)
class Item:
    """One thought to be labelled."""

    key: str
    question: str
    options: tuple[str, ...]
    thought: str
    images: tuple[bytes, ...]
    """Encoded files that the run kept."""


class Room:
    """Items, labels so far, and the book into which labels go. Safe to use from several threads."""

    def __init__(self, items: Sequence[Item], said: Mapping[str, tuple[str, int | None]], book: Book) -> None:
        self.items = tuple(items)
        self._said = {item.key: said[item.key] for item in items if item.key in said}
        self._book = book
        self._lock = threading.Lock()

    def told(self, number: int) -> dict[str, Any]:
        """What the page is told of an item."""
        item = self.items[number]
        return {
            "question": visible(item.question),
            "options": [visible(option) for option in item.options],
            "thought": visible(item.thought),
            "images": len(item.images),
            "label": self._said.get(item.key),
            **self.progress(),
        }

    def progress(self) -> dict[str, Any]:
        """How far it is, and the first item without a label (-1: none)."""
        with self._lock:
            first = next((i for i, item in enumerate(self.items) if item.key not in self._said), -1)
            return {"total": len(self.items), "labelled": len(self._said), "next": first}

    def label(self, number: int, found: str, option: int | None) -> None:
        """Write down a label. Raises `ValueError` for one that the item cannot have."""
        if not 0 <= number < len(self.items):
            raise ValueError("no such item")
        n = len(self.items[number].options)
        if found not in ("option", "nothing", "unsure") or (found == "option") != (option is not None):
            raise ValueError("no such label")
        if option is not None and not 0 <= option < n:
            raise ValueError("no such option")
        key = self.items[number].key
        with self._lock:
            self._book.label(key, found, option)
            self._said[key] = (found, option)


def open_server(room: Room) -> tuple[ThreadingHTTPServer, str]:
    """A server for `room` on a free port of 127.0.0.1, and the page's address; `serve_forever` runs it."""
    token = secrets.token_urlsafe(24)
    page, policy = _page()

    class Handler(_Handler):
        pass

    Handler.room, Handler.token, Handler.page, Handler.policy = room, token, page, policy
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server, f"http://127.0.0.1:{server.server_address[1]}/{token}/"


class _Handler(BaseHTTPRequestHandler):
    room: Room
    token: str
    page: bytes
    policy: str
    server_version = "unswayed"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        parts = self._admitted()
        if parts is None:
            return
        if parts == [""]:
            self._send(200, self.page, "text/html; charset=utf-8")
        elif parts == ["progress"]:
            self._json(200, self.room.progress())
        elif len(parts) == 2 and parts[0] == "item" and (i := self._index(parts[1])) is not None:
            self._json(200, self.room.told(i))
        elif len(parts) == 3 and parts[0] == "image" and (i := self._index(parts[1])) is not None:
            self._image(self.room.items[i].images, parts[2])
        else:
            self._json(404, {"error": "no such page"})

    def do_POST(self) -> None:
        parts = self._admitted()
        if parts is None:
            return
        length = self.headers.get("Content-Length", "")
        plain = self.headers.get("Content-Type", "").split(";")[0].strip()
        if parts != ["label"] or plain != "application/json" or not length.isdecimal():
            self._json(404, {"error": "no such page"})
        elif int(length) > LONGEST:
            self.close_connection = True
            self._json(413, {"error": "too long"})
        else:
            try:
                said = json.loads(self.rfile.read(int(length)))
                number, found, option = said["item"], said["found"], said["option"]
                if type(number) is not int or type(option) not in (int, type(None)):
                    raise ValueError("not a label")
                self.room.label(number, found, option)
            except (ValueError, KeyError, TypeError) as error:
                self._json(400, {"error": str(error)})
            else:
                self._json(200, self.room.progress())

    def _admitted(self) -> list[str] | None:
        """The path behind the token; None, after a refusal, where it is not known or the page is another."""
        own = f"127.0.0.1:{self.connection.getsockname()[1]}"
        # Another host name on this port is a page elsewhere that has had its name point here.
        origin = self.headers.get("Origin")
        _, _, rest = self.path.partition("/")
        token, _, rest = rest.partition("/")
        same = secrets.compare_digest(token.encode(), self.token.encode())
        if same and self.headers.get("Host") == own and origin in (None, f"http://{own}"):
            return rest.split("/")
        self.close_connection = True
        self._json(403, {"error": "not admitted"})
        return None

    def _index(self, text: str) -> int | None:
        return int(text) if text.isdecimal() and len(text) < 9 and int(text) < len(self.room.items) else None

    def _image(self, images: tuple[bytes, ...], text: str) -> None:
        data = images[int(text)] if text.isdecimal() and len(text) < 4 and int(text) < len(images) else b""
        kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
        if kind is None:
            self._json(404, {"error": "no picture that a browser shows"})
        else:
            self._send(200, data, kind)

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode("ascii"), "application/json")

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(data))),
            ("Content-Security-Policy", self.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the token."""


def _page() -> tuple[bytes, str]:
    """The page, and the policy that lets nothing but its own script and style run."""
    files = resources.files("unswayed.review")
    script, style = (files.joinpath(name).read_text("utf-8").strip() for name in ("page.js", "page.css"))
    page = (
        files.joinpath("page.html").read_text("utf-8").replace("{style}", style).replace("{script}", script)
    )
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy
