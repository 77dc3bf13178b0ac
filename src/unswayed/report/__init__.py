"""What an audit found, for people: one self-contained HTML page, and tables for papers.

>>> from unswayed.report import build, to_csv, to_latex, to_markdown
"""

from unswayed.report.page import build
from unswayed.report.tables import compare_latex, compare_markdown, to_csv, to_latex, to_markdown

__all__ = ["build", "compare_latex", "compare_markdown", "to_csv", "to_latex", "to_markdown"]
