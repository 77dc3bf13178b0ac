"""Puts the sources of the documentation site into one folder, for `make docs`.

python docs/tools/stage.py RUN PRINTED PAGES

PAGES gets the pages of docs/, CHANGELOG.md and CONTRIBUTING.md, the generated command-line reference, the
report of the run folder RUN, the output of its command (PRINTED), and an llms.txt made of the navigation.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cli_reference
import outputs

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
PUBLISHED_SUFFIXES = {".md", ".svg", ".png", ".html", ".css"}
ROOT_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}


def stage(run: Path, printed: str, pages: Path) -> None:
    """Fill the folder `pages`, which is emptied first. Raises `FileNotFoundError` if `run` has no report."""
    shutil.rmtree(pages, ignore_errors=True)
    for source in DOCS.rglob("*"):
        target = pages / source.relative_to(DOCS)
        if source.is_file() and source.suffix in PUBLISHED_SUFFIXES:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for source_name, page_name in ROOT_PAGES.items():
        (pages / page_name).write_text(moved_into_docs((ROOT / source_name).read_text("utf-8")), "utf-8")
    (pages / "reference" / "cli.md").write_text(cli_reference.page(), "utf-8")
    shutil.copyfile(run / "report.html", pages / "example-run.html")
    example = outputs.outputs_of(run, printed)
    for page in pages.rglob("*.md"):
        page.write_text(outputs.fill(page.read_text("utf-8"), example), "utf-8")
    (pages / "llms.txt").write_text(llms_txt(pages), "utf-8")


def moved_into_docs(text: str) -> str:
    """A page of the repository's root with its links to docs/ made right for a page inside docs/."""
    text = re.sub(r"\]\(docs/", "](", text)
    for source_name, page_name in ROOT_PAGES.items():
        text = text.replace(f"]({source_name}", f"]({page_name}")
    return text


def llms_txt(pages: Path) -> str:
    """The site's table of contents in the form of llmstxt.org: one line a page, with its first paragraph."""
    project = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}"]
    for entry in project["nav"]:
        ((section, members),) = entry.items()
        if isinstance(members, str):
            members = [{section: members}]
            section = "Overview"
        lines += ["", f"## {section}", ""]
        for title, page in _pages(members):
            lines.append(f"- [{title}]({page.removesuffix('.md')}.html): {_first_paragraph(pages / page)}")
    return "\n".join(lines) + "\n"


def _pages(members: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for member in members:
        ((title, target),) = member.items()
        yield from [(title, target)] if isinstance(target, str) else _pages(target)


def _first_paragraph(page: Path) -> str:
    """The first paragraph of prose, links reduced to their text; empty where the page has none."""
    for block in re.split(r"\n\s*\n", page.read_text("utf-8")):
        if re.match(r"[A-Za-z`*\"]", block):
            return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
    return ""


if __name__ == "__main__":
    stage(Path(sys.argv[1]), Path(sys.argv[2]).read_text("utf-8"), Path(sys.argv[3]))
