"""The web page on which a person labels thoughts: served on loopback only, to whoever knows the token.

The page gets image, question, options and thought; it does not get the answer, the condition or the judges'
verdicts. The content security policy of every reply forbids all that the page does not need. A model's text
is sent as JSON and shown as text. The page's address is ``http://127.0.0.1:PORT/TOKEN/``.
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
from unswayed.review.labels import LabelLog

MAX_BODY = 1024
"""Bytes of a request's body that are accepted."""
LABEL_KINDS = ("option", "elsewhere", "nothing", "unsure")
"""What a label says that the thought concludes; `elsewhere`: something that no option says."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True)
class ReviewItem:
    """One thought to label."""

    key: str
    question: str
    options: tuple[str, ...]
    thought: str
    images: tuple[bytes, ...]
    """Encoded files, as far as the run kept them."""


class ReviewSession:
    """Items, labels so far, and the log of labels. Safe to use from several threads."""

    def __init__(
        self, items: Sequence[ReviewItem], labels: Mapping[str, tuple[str, int | None]], log: LabelLog
    ) -> None:
        self.items = tuple(items)
        self._labels = {item.key: labels[item.key] for item in items if item.key in labels}
        self._log = log
        self._lock = threading.Lock()

    def page_data(self, number: int) -> dict[str, Any]:
        """What the page shows of an item."""
        item = self.items[number]
        return {
            "question": visible(item.question),
            "options": [visible(option) for option in item.options],
            "thought": visible(item.thought),
            "images": len(item.images),
            "label": self._labels.get(item.key),
            **self.progress(),
        }

    def progress(self) -> dict[str, Any]:
        """Numbers of items and labels, and the first item without a label (-1: none)."""
        with self._lock:
            first = next((i for i, item in enumerate(self.items) if item.key not in self._labels), -1)
            return {"total": len(self.items), "labelled": len(self._labels), "next": first}

    def label(self, number: int, kind: str, option: int | None) -> None:
        """Store a label. Raises `ValueError` for one that the item cannot have."""
        if not 0 <= number < len(self.items):
            raise ValueError("no such item")
        n = len(self.items[number].options)
        if kind not in LABEL_KINDS or (kind == "option") != (option is not None):
            raise ValueError("no such label")
        if option is not None and not 0 <= option < n:
            raise ValueError("no such option")
        key = self.items[number].key
        with self._lock:
            self._log.add_label(key, kind, option)
            self._labels[key] = (kind, option)


def open_server(session: ReviewSession) -> tuple[ThreadingHTTPServer, str]:
    """A server for `session` on a free port of 127.0.0.1, and the page's address; `serve_forever` runs it."""
    token = secrets.token_urlsafe(24)
    page, policy = _page()

    class Handler(_Handler):
        pass

    Handler.session, Handler.token, Handler.page, Handler.policy = session, token, page, policy
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server, f"http://127.0.0.1:{server.server_address[1]}/{token}/"


class _Handler(BaseHTTPRequestHandler):
    session: ReviewSession
    token: str
    page: bytes
    policy: str
    server_version = "unswayed"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        parts = self._authorised_path()
        if parts is None:
            return
        if parts == [""]:
            self._send(200, self.page, "text/html; charset=utf-8")
        elif parts == ["progress"]:
            self._json(200, self.session.progress())
        elif len(parts) == 2 and parts[0] == "item" and (i := self._index(parts[1])) is not None:
            self._json(200, self.session.page_data(i))
        elif len(parts) == 3 and parts[0] == "image" and (i := self._index(parts[1])) is not None:
            self._image(self.session.items[i].images, parts[2])
        else:
            self._json(404, {"error": "no such page"})

    def do_POST(self) -> None:
        parts = self._authorised_path()
        if parts is None:
            return
        length = self.headers.get("Content-Length", "")
        plain = self.headers.get("Content-Type", "").split(";")[0].strip()
        if parts != ["label"] or plain != "application/json" or not length.isdecimal():
            self._json(404, {"error": "no such page"})
        elif int(length) > MAX_BODY:
            self.close_connection = True
            self._json(413, {"error": "too long"})
        else:
            try:
                label = json.loads(self.rfile.read(int(length)))
                number, kind, option = label["item"], label["found"], label["option"]
                if type(number) is not int or type(option) not in (int, type(None)):
                    raise ValueError("not a label")
                self.session.label(number, kind, option)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                self._json(400, {"error": str(error)})
            else:
                self._json(200, self.session.progress())

    def _authorised_path(self) -> list[str] | None:
        """The path after the token; None, after a refusal, for an unknown token or a foreign page."""
        own = f"127.0.0.1:{self.connection.getsockname()[1]}"
        # Another host name on this port is a foreign page whose name resolves to here (DNS rebinding).
        origin = self.headers.get("Origin")
        _, _, rest = self.path.partition("/")
        token, _, rest = rest.partition("/")
        same = secrets.compare_digest(token.encode(), self.token.encode())
        if same and self.headers.get("Host") == own and origin in (None, f"http://{own}"):
            return rest.split("/")
        self.close_connection = True
        self._json(403, {"error": "not authorised"})
        return None

    def _index(self, text: str) -> int | None:
        return (
            int(text) if text.isdecimal() and len(text) < 9 and int(text) < len(self.session.items) else None
        )

    def _image(self, images: tuple[bytes, ...], text: str) -> None:
        data = images[int(text)] if text.isdecimal() and len(text) < 4 and int(text) < len(images) else b""
        kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
        if kind is None:
            self._json(404, {"error": "no image that a browser shows"})
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
        """Logs nothing: the address holds the token."""


def _page() -> tuple[bytes, str]:
    """The page, and the content security policy that allows its own script and style only."""
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
