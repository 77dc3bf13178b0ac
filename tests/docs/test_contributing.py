"""The worked changes in CONTRIBUTING.md apply to the code as it is."""

from __future__ import annotations

import re
import subprocess

import pytest

from places import ROOT

DIFFS = re.findall(
    r"^```diff\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_there_are_worked_changes():
    assert len(DIFFS) == 8


@pytest.mark.parametrize("diff", DIFFS, ids=[re.search(r"^\+\+\+ b/(.*)", diff, re.M)[1] for diff in DIFFS])
def test_a_worked_change_applies(diff):
    command = ["git", "apply", "--check", "-C1", "-"]
    result = subprocess.run(command, cwd=ROOT, input=diff, text=True, capture_output=True)
    assert not result.returncode, f"make the change anew in CONTRIBUTING.md: {result.stderr}"
