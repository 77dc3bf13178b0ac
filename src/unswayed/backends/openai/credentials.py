"""The API key of an endpoint: read from the environment, sent in one header, removed from all that comes
back.

A server's reply may hold the key: errors quote it, shortened or whole, and a model may be made to say it. So
everything a server sends passes one of two functions before it is stored or shown: `ApiKey.scrub` (JSON
values: completions, thoughts, tokens, descriptions of models) or `ApiKey.redact` (messages: errors, reason
phrases).
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

from unswayed.errors import BadInput

_HIDDEN = "[key]"
_CLIP = 300
_PART = 6  # leading characters of a key that give it away in a server's message
_SHORTEST = 3  # a shorter key could not be removed from a text without damaging it
_PLACEHOLDERS = frozenset(
    {"empty", "none", "null", "dummy", "no-key", "nokey", "key", "test", "local", "ollama", "lm-studio"}
    | {"not-needed", "sk-no-key-required", "x", "xx", "xxx", "-", "na", "n/a", "0", "1", "123"}
)
"""What people set where a local server wants no key; these words are no secrets."""
_LOOKS = re.compile(r"\b(?:sk|pk|gsk|xai|AIza)[-_]?[\w*.-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class ApiKey:
    """An API key, possibly none. Its `repr` does not show it."""

    def __init__(self, env: str) -> None:
        """`env`: name of the environment variable; without it, no key is sent (local servers).

        Raises `BadInput` for a value that cannot be a key, or is too short to be removed from texts.
        """
        self.env = env
        self._key = os.environ.get(env, "").strip()
        if self._key and not (self._key.isascii() and self._key.isprintable()):
            raise BadInput(f"{env} holds characters that no key has; set it to the key alone")
        self._secret = "" if self._key.casefold() in _PLACEHOLDERS else self._key
        if 0 < len(self._secret) < _SHORTEST:
            raise BadInput(
                f"{env} has fewer than {_SHORTEST} characters: such a key cannot be kept out of what a model "
                "says; set it to a longer one, or to EMPTY where the server needs none"
            )

    def __repr__(self) -> str:
        return f"ApiKey({self.env})"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def redact(self, message: str) -> str:
        """A server's message on one line, clipped, without the key or what looks like one."""
        message = self._scrub_text(message)
        if len(self._secret) >= 2 * _PART:
            message = re.sub(rf"{re.escape(self._secret[:_PART])}\S*", _HIDDEN, message)
        message = _CONTROL.sub(" ", _LOOKS.sub(_HIDDEN, message)).strip()
        return message if len(message) <= _CLIP else message[:_CLIP].rstrip() + "…"

    def scrub(self, value: Any) -> Any:
        """A JSON value without the key in any of its strings; unchanged where no string holds it."""
        if not self._secret:
            return value
        if isinstance(value, str):
            return self._scrub_text(value)
        if isinstance(value, dict):
            return {self.scrub(name): self.scrub(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.scrub(item) for item in value]
        return value

    def _scrub_text(self, text: str) -> str:
        return text.replace(self._secret, _HIDDEN) if self._secret else text


def without_environment_keys(message: str) -> str:
    """A message without the value of any environment variable whose name says that it is a secret."""
    for name, value in os.environ.items():
        if name.upper().endswith(("KEY", "TOKEN", "SECRET", "PASSWORD")) and len(value) >= _SHORTEST:
            message = message.replace(value, _HIDDEN)
    return message


def base_url(url: str) -> str:
    """A base URL without its last slash. Raises `BadInput` for none, or one that carries a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"--base-url is {_displayable(url)!r}; give one such as http://host:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            f"--base-url {_displayable(url)}: give it without user, password or '?…'; keys come from the "
            "environment"
        )
    return url.rstrip("/").removesuffix("/chat/completions")


def _displayable(url: str) -> str:
    """The URL without what may be a secret."""
    return url.split("?")[0].split("#")[0].rsplit("@", 1)[-1]
