"""Pages opened in headless Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--window-size=1280,900", "--virtual-time-budget=4000", "--dump-dom",
]  # fmt: skip


def needs_chromium(test: Any) -> Any:
    """Marks a test that opens a page; the reason for skipping says how to run it."""
    reason = (
        "needs Chromium: install it (Debian, Ubuntu: apt-get install chromium), so that chromium, "
        "chromium-browser or google-chrome is on PATH, and run `pytest -m browser`"
    )
    return pytest.mark.browser(pytest.mark.skipif(CHROMIUM is None, reason=reason)(test))


def dom(address: str, profile: Path) -> str:
    """The document as the browser has it once scripts ran."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", address],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")


def open_page(page: str, folder: Path, checks: str, width: int = 360) -> dict[str, Any]:
    """The result of the script `checks` with the page in a frame of `width` pixels."""
    outer = folder / "outer.html"
    frame = f'<iframe style="width:{width}px;height:800px;border:0" srcdoc="{html.escape(page)}"></iframe>'
    outer.write_text(f"<!doctype html><meta charset=utf-8><body>{frame}<script>{checks}</script>", "utf-8")
    match = re.search(r'<body data-out="([^"]*)"', dom(outer.as_uri(), folder / "profile"))
    assert match, "the page did not load in the frame"
    result = json.loads(html.unescape(match[1]))
    assert isinstance(result, dict)
    return result
