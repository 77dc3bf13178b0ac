"""Starting `transformers serve`, a server that is not ours, on the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("torch", "transformers", "accelerate", "aiohttp", "fastapi", "uvicorn", "openai", "pydantic")
PATIENCE = 120.0  # seconds to start on a busy machine
_START = "from transformers.cli.transformers import app; app(prog_name='transformers')"


def lacking() -> list[str]:
    """Packages that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


@contextmanager
def transformers_serve(home: Path) -> Iterator[str]:
    """The address of a server that loads the models it is asked for, by their folders.

    Its log and its (empty) cache lie in `home`. Raises `RuntimeError` where it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(home), "OMP_NUM_THREADS": "1"}
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with (home / "log").open("w+") as log:
        command = [sys.executable, "-c", _START, "serve", *where]
        server = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=log)
        try:
            began = time.monotonic()
            while not _listens(port):
                if server.poll() is not None or time.monotonic() - began > PATIENCE:
                    log.seek(0)
                    raise RuntimeError(f"transformers serve does not start: {log.read()[-2000:]}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.kill()
            server.wait()


def _listens(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
            return True
    except OSError:
        return False
