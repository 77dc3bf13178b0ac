"""Images that a benchmark gives only as an address: fetched when they are read, once, and cached.

Limits on size, time and destination hold whatever the server does. The data must be an image before it is
cached. The cache is ``$UNSWAYED_CACHE/pictures``, by default ``~/.cache/unswayed/pictures``; the name of a
file in it is the SHA-256 of its address. With ``HF_HUB_OFFLINE=1`` nothing is fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unswayed import images
from unswayed.benchmarks.files.access import DEFAULT, Access, public_addresses
from unswayed.benchmarks.files.hub import offline
from unswayed.errors import BadImage
from unswayed.question import Image

MAX_BYTES = 64 << 20
SECONDS = 30.0
_PIECE = 1 << 16
_SCHEMES = ("http", "https")


def remote_image(
    url: str,
    *,
    sha256: str = "",
    access: Access = DEFAULT,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Image:
    """The image at an http(s) address, unread. With `sha256` (hexadecimal) its bytes must have that hash."""
    return Image(lambda: fetch(url, sha256, access, seconds, max_bytes), url)


def fetch(
    url: str,
    sha256: str = "",
    access: Access = DEFAULT,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """The image's bytes, from the cache or from its server. Raises `BadImage` with the reason.

    Unless `access.private_urls`, the host must resolve to public addresses, also after every redirect.
    """
    cached = cache_dir() / hashlib.sha256(url.encode()).hexdigest()
    try:
        data = cached.read_bytes()
    except OSError:
        data = b""
    if not data:
        data = _download(url, access, seconds, max_bytes)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256.lower():
        raise BadImage(f"picture {url!r} is no longer the one that the benchmark was made with (other hash)")
    if not cached.exists():
        images.check(data, url)
        write_atomically(data, cached)
    return data


def cache_dir() -> Path:
    """The folder of fetched images."""
    home = os.environ.get("UNSWAYED_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "unswayed"
    return Path(home).expanduser() / "pictures"


def _download(url: str, access: Access, seconds: float, max_bytes: int) -> bytes:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as problem:
        raise BadImage(f"picture {url[:200]!r} cannot be fetched: {problem}") from problem
    if scheme not in _SCHEMES:
        raise BadImage(f"picture {url[:200]!r} cannot be fetched: only http and https addresses are read")
    if offline():
        raise BadImage(f"picture {url!r} is not in the cache {cache_dir()}, and HF_HUB_OFFLINE is set")
    end = time.monotonic() + seconds
    pieces, size = [], 0
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "unswayed"})
        with _opener(access).open(request, timeout=seconds) as answer:
            # One read of the socket at a time: a server that drips must not exceed the time limit.
            while piece := answer.read1(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise BadImage(f"picture {url!r} has more than {max_bytes} bytes")
                if time.monotonic() > end:
                    raise BadImage(f"picture {url!r} took more than {seconds:g} seconds")
    except BadImage:
        raise
    except urllib.error.HTTPError as problem:
        raise BadImage(f"picture {url!r} cannot be fetched: HTTP {problem.code}") from problem
    except urllib.error.URLError as problem:
        raise BadImage(f"picture {url!r} cannot be fetched: {problem.reason}") from problem
    except (
        Exception
    ) as problem:  # time-outs, bad addresses, and http.client's own errors, which are no OSErrors
        raise BadImage(f"picture {url!r} cannot be fetched: {problem}") from problem
    return b"".join(pieces)


def _opener(access: Access) -> urllib.request.OpenerDirector:
    """Speaks http and https only: no ``file:``, ``ftp:`` or ``data:``, not even after a redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(access),
        _Https(access),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in _SCHEMES:
            raise urllib.error.URLError(f"it is redirected to {newurl[:200]!r}; only http and https are read")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _checked_connect(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
    """As `socket.create_connection`, to addresses that were checked: a second look-up could give others."""
    problem: OSError | None = None
    for public in public_addresses(*address):
        try:
            return socket.create_connection((public, address[1]), *args, **options)
        except OSError as error:
            problem = error
    raise problem or OSError(f"{address[0]} has no address")


def _connections(kind: type[Any], request: urllib.request.Request, access: Access) -> Callable[..., Any]:
    """Makes the connections of one request; checked ones unless private addresses are allowed."""
    host = urlsplit(request.full_url).hostname or ""
    proxied = request.has_proxy() or getattr(request, "_tunnel_host", None)
    if access.private_urls:
        return kind
    if proxied:
        # The proxy resolves the name. What is known to be private here is refused all the same.
        with contextlib.suppress(socket.gaierror):
            public_addresses(host, 80)
        return kind

    def make(*args: Any, **options: Any) -> Any:
        connection = kind(*args, **options)
        connection._create_connection = _checked_connect
        return connection

    return make


class _Http(urllib.request.HTTPHandler):
    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connections(http.client.HTTPConnection, req, self._access), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connections(http.client.HTTPSConnection, req, self._access), req)


def write_atomically(data: bytes, path: Path) -> None:
    """Write the whole file or nothing, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
