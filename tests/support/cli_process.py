"""Runs the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any


def run(*args: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """The finished process of ``unswayed ARGS``, with its output as text and without colours."""
    env = {**os.environ, "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "unswayed", *map(str, args)], capture_output=True, text=True, env=env, **more
    )
