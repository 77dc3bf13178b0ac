"""Python samples of the pages print what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from places import ROOT

SAMPLE = re.compile(
    r"^```python\n(?P<code>[^`]*?asyncio\.run\(main\(\)\)\n)```\n+```\n(?P<output>.*?)^```", re.M | re.S
)
PAGES = ("first-audit.md", "howto/model.md", "howto/benchmark.md")
QUESTIONS = """id,picture,question,options,answer,kind
1,cup.png,What colour is the circle?,red|green|blue|yellow,red,colour
2,cup.png,How many circles are there?,1|2|3,1,count
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the sample of own questions reads."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "questions.csv").write_text(QUESTIONS)
    Image.new("RGB", (64, 64), "white").save(tmp_path / "mine" / "cup.png")
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_a_sample_prints_what_its_page_says(folder: Path, page: str) -> None:
    (sample,) = SAMPLE.finditer((ROOT / "docs" / page).read_text("utf-8"))
    code = sample["code"].replace('"pebble"', '"scripted:guesser"')  # the output does not depend on the model
    # Without the interpreter's own end: threads of native libraries abort it now and then, after all output.
    command = [sys.executable, "-c", f"{code}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == sample["output"]
