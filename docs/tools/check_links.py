"""Checks the built site: links, anchors, pictures and scripts exist, and nothing comes from another host.

python docs/tools/check_links.py SITE

The site generator's strict mode checks links between Markdown pages; this also checks links to other files,
raw HTML, and that a reader without a network sees the whole page. Exit code 1 after a fault, one line each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}
NOT_LOADED_RELS = {"canonical", "next", "prev", "alternate"}


class _Page(HTMLParser):
    """Anchors and references of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.references: list[tuple[str, bool]] = []
        """(address, whether the browser loads it by itself)"""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        for name in ("href", "src"):
            if name in values:
                loaded = (tag, name) in LOADED and values.get("rel") not in NOT_LOADED_RELS
                self.references.append((values[name], loaded))


@cache
def _parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


def faults(site: Path) -> Iterator[str]:
    """One sentence for every reference of the site's pages that leads nowhere."""
    for path in sorted(site.rglob("*.html")):
        where = path.relative_to(site)
        for address, loaded in _parsed(path).references:
            parts = urlsplit(address)
            if parts.scheme in ("data", "javascript", "mailto") or not address:
                continue
            if parts.scheme or parts.netloc:
                if loaded:
                    yield f"{where}: {address} is loaded from another host"
                continue
            base = site if parts.path.startswith("/") else path.parent
            target = path if not parts.path else (base / unquote(parts.path).lstrip("/")).resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                yield f"{where}: {address} does not exist"
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in _parsed(target).anchors
            ):
                yield f"{where}: {address} names an anchor that the page does not have"


def main(site: str) -> None:
    lines = list(faults(Path(site).resolve()))
    pages = len(list(Path(site).rglob("*.html")))
    print("\n".join(lines) if lines else f"{pages} pages, every link leads somewhere")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
