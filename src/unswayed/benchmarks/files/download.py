"""Pictures that a benchmark only gives the address of: fetched when asked, once, and kept.

Limits on size and time hold whatever the server says. What comes back must be a picture before it
is kept. The cache is `UNSWAYED_CACHE`, else ``~/.cache/unswayed``; a file in it is called after the
SHA-256 of its address. With ``HF_HUB_OFFLINE=1`` nothing is fetched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from unswayed import images
from unswayed.benchmarks.files.hub import offline
from unswayed.errors import BadImage
from unswayed.question import Image

MAX_BYTES = 64 << 20
SECONDS = 30.0
_PIECE = 1 << 16


def remote(url: str, *, sha256: str = "", seconds: float = SECONDS, max_bytes: int = MAX_BYTES) -> Image:
    """The picture at an http address, unread. With `sha256` (hexadecimal) its bytes must have that hash."""
    return Image(lambda: fetched(url, sha256, seconds, max_bytes), url)


def fetched(url: str, sha256: str = "", seconds: float = SECONDS, max_bytes: int = MAX_BYTES) -> bytes:
    """The picture's bytes, from the cache or from its server. Raises `BadImage` with the reason."""
    kept = cache() / hashlib.sha256(url.encode()).hexdigest()
    try:
        data = kept.read_bytes()
    except OSError:
        data = b""
    if not data:
        data = _download(url, seconds, max_bytes)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256.lower():
        raise BadImage(f"picture {url!r} is no longer the one that the benchmark was made with (other hash)")
    if not kept.exists():
        images.check(data, url)
        keep(data, kept)
    return data


def cache() -> Path:
    """The folder in which fetched pictures are kept."""
    home = os.environ.get("UNSWAYED_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "unswayed"
    return Path(home).expanduser() / "pictures"


def _download(url: str, seconds: float, max_bytes: int) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadImage(f"picture {url!r}: only http and https addresses are fetched")
    if offline():
        raise BadImage(f"picture {url!r} is not in the cache {cache()}, and HF_HUB_OFFLINE is set")
    end = time.monotonic() + seconds
    request = urllib.request.Request(url, headers={"User-Agent": "unswayed"})
    pieces, size = [], 0
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            # One read of the socket at a time: a server that drips must not hold us beyond the limit.
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
    except Exception as problem:  # URLError, time-outs, and http.client's own, which are no OSErrors
        raise BadImage(f"picture {url!r} cannot be fetched: {problem}") from problem
    return b"".join(pieces)


def keep(data: bytes, path: Path) -> None:
    """Write whole or not at all, so that no one reads half a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
