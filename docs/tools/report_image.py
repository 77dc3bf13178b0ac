"""The head of a run's report as a PNG, by headless Chromium: how `docs/report.png` is made.

python docs/tools/report_image.py runs/pebble-scenes/report.html docs/report.png
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIZE = (1280, 2050)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--virtual-time-budget=4000",
)


def save_image(page: Path, image: Path, size: tuple[int, int] = SIZE) -> None:
    """Write the first `size` pixels of `page` to `image`."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("needs Chromium: install it, so that chromium or google-chrome is on PATH")
    with tempfile.TemporaryDirectory() as profile:
        window = f"--window-size={size[0]},{size[1]}"
        target = f"--screenshot={image.resolve()}"
        command = [browser, *FLAGS, f"--user-data-dir={profile}", window, target, page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    save_image(Path(sys.argv[1]), Path(sys.argv[2]))
