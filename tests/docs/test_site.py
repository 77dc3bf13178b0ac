"""How the site's pages are put together, and that the check of its links finds what is wrong."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest

import check_links
import outputs
import stage
import unswayed

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"changelog.md", "contributing.md", "reference/cli.md"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as `make docs` makes one, of a scripted model."""
    folder = tmp_path_factory.mktemp("docs") / "run"
    questions = unswayed.load_questions("scenes", limit=8)
    backend = unswayed.open_backend("scripted:caption-follower", questions)
    asyncio.run(unswayed.audit(backend, questions, outputs.CONDITIONS, store=folder))
    (folder / "report.html").write_text("<p>a report</p>")
    return folder


@pytest.fixture
def pages(example: Path, tmp_path: Path) -> Path:
    stage.stage(example, f"a table\nreport: {example}/report.html\n", tmp_path / "pages")
    return tmp_path / "pages"


def navigation() -> list[str]:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    return [page for entry in nav for _, page in stage._pages([entry])]


def test_the_navigation_has_every_page_once(pages):
    there = sorted(path.relative_to(pages).as_posix() for path in pages.rglob("*.md"))
    assert sorted(navigation()) == there


def test_staged_pages_are_the_documents_and_the_generated_ones(pages):
    sources = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")} == sources | GENERATED
    assert (pages / "example-run.html").read_text() == "<p>a report</p>"
    assert not list(pages.rglob("*.py"))


def test_pages_show_the_output_of_the_run(pages):
    audit = (pages / "first-audit.md").read_text("utf-8")
    assert "a table\nreport: runs/first/report.html\n```" in audit
    concepts = (pages / "concepts.md").read_text("utf-8")
    assert "| cue followed | – | yes | no |" in concepts
    assert "| answer | (A), correct | (B), wrong | (A), correct |" in concepts


def test_an_output_without_a_place_of_its_name_is_an_error():
    assert outputs.fill("<!-- output: a -->\nold\n<!-- end of output -->", {"a": "new"}) == (
        "<!-- output: a -->\nnew\n<!-- end of output -->"
    )
    with pytest.raises(KeyError):
        outputs.fill("<!-- output: b -->\n<!-- end of output -->", {"a": "new"})


def test_llms_txt_names_every_page_with_a_sentence(pages):
    text = (pages / "llms.txt").read_text("utf-8")
    for page in navigation():
        (line,) = [line for line in text.splitlines() if f"]({page.removesuffix('.md')}.html): " in line]
        assert len(line.split("): ", 1)[1]) > 20 or page == "changelog.md", line


def test_links_of_root_pages_are_moved():
    text = "[a](docs/trials.md#x) [b](CHANGELOG.md) [c](https://example.org/docs/y) [d](CONTRIBUTING.md#z)"
    moved = "[a](trials.md#x) [b](changelog.md) [c](https://example.org/docs/y) [d](contributing.md#z)"
    assert stage.moved_into_docs(text) == moved


FAULTY = {
    '<a href="nowhere.html">x</a>': "nowhere.html does not exist",
    '<a href="other.html#no">x</a>': "names an anchor that the page does not have",
    '<a href="#no">x</a>': "names an anchor that the page does not have",
    '<img src="no.png">': "no.png does not exist",
    '<script src="https://example.org/x.js"></script>': "is loaded from another host",
    '<link rel="stylesheet" href="https://example.org/x.css">': "is loaded from another host",
    '<iframe src="//example.org/x"></iframe>': "is loaded from another host",
}
SOUND = (
    '<a href="other.html">x</a>',
    '<a href="other.html#yes">x</a>',
    '<a href="folder/">x</a>',
    '<a href="https://example.org">x</a>',
    '<p id="here"></p><a href="#here">x</a>',
    '<img src="data:image/png;base64,AA==">',
)


def site(folder: Path, body: str) -> Path:
    (folder / "folder").mkdir()
    (folder / "folder" / "index.html").write_text("<p>")
    (folder / "other.html").write_text('<p id="yes">')
    (folder / "index.html").write_text(body)
    return folder


@pytest.mark.parametrize(("body", "fault"), FAULTY.items())
def test_a_faulty_reference_is_reported_once(tmp_path, body, fault):
    (line,) = check_links.faults(site(tmp_path, body))
    assert line.startswith("index.html: ")
    assert fault in line


@pytest.mark.parametrize("body", SOUND)
def test_a_sound_reference_is_not_reported(tmp_path, body):
    assert list(check_links.faults(site(tmp_path, body))) == []
