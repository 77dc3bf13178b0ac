"""Where the repository's own files are, for tests in any folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SUPPORT = ROOT / "tests" / "support"
SAMPLE = DATA / "sample.tsv"
"""Rows of MMBench, see tests/data/NOTICE.md."""
STORED = DATA / "stored"
"""Folders written by earlier versions of unswayed."""
