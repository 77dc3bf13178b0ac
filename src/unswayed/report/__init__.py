"""Reports of audits: a self-contained HTML page, and tables as CSV, Markdown, LaTeX and JSON.

>>> from unswayed.report import build, to_csv, to_latex, to_markdown
"""

from unswayed.report.compare_tables import compare_csv, compare_json, compare_latex, compare_markdown
from unswayed.report.page import build
from unswayed.report.tables import to_csv, to_latex, to_markdown

__all__ = [
    "build",
    "compare_csv",
    "compare_json",
    "compare_latex",
    "compare_markdown",
    "to_csv",
    "to_latex",
    "to_markdown",
]
