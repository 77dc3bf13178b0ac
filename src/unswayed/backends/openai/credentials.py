"""The key of an endpoint: read from the environment, sent in one header, and in nothing that is said.

What a server says may hold the key (some quote it in an error, shortened). So every word of a server
goes through `Key.redact` before it reaches an error, a row, a log or a terminal.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from unswayed.errors import BadInput

_HIDDEN = "[key]"
_CLIP = 300
_PART = 6  # characters at a key's beginning that give it away in a word of a server
_TEXT_KEY = 16  # shorter keys ("EMPTY") are words that a model may well say
_LOOKS = re.compile(r"\b(?:sk|pk|gsk|xai|AIza)[-_]?[\w*.-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Key:
    """An API key, possibly none. Has no readable form of its own."""

    def __init__(self, env: str) -> None:
        """`env`: name of the environment variable; without it, nothing is sent (local servers)."""
        self.env = env
        self._key = os.environ.get(env, "").strip()
        if self._key and not (self._key.isascii() and self._key.isprintable()):
            raise BadInput(f"{env} holds characters that no key has; set it to the key alone")

    def __repr__(self) -> str:
        return f"Key({self.env})"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def redact(self, words: str) -> str:
        """A server's words, on one line, clipped, without the key or what looks like one."""
        if len(self._key) >= 4:
            words = words.replace(self._key, _HIDDEN)
            if len(self._key) >= 2 * _PART:
                words = re.sub(rf"{re.escape(self._key[:_PART])}\S*", _HIDDEN, words)
        words = _CONTROL.sub(" ", _LOOKS.sub(_HIDDEN, words)).strip()
        return words if len(words) <= _CLIP else words[:_CLIP].rstrip() + "…"

    def keep_out(self, text: str) -> str:
        """A model's text, unchanged unless it says the key."""
        if len(self._key) >= _TEXT_KEY and self._key in text:
            return text.replace(self._key, _HIDDEN)
        return text


def base_url(url: str) -> str:
    """A base URL without its last slash. Raises `BadInput` for none, or one that carries a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"--base-url is {_bare(url)!r}; give one such as http://host:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            f"--base-url {_bare(url)}: give it without user, password or '?…'; keys come from the environment"
        )
    return url.rstrip("/").removesuffix("/chat/completions")


def _bare(url: str) -> str:
    """The URL as far as it is fit to be shown."""
    return url.split("?")[0].split("#")[0].rsplit("@", 1)[-1]
