"""Pictures of questions that were read from a TSV file: what their cells mean, and when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsv_files import b64, png, read_tsv, row, write
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Skipped
from unswayed.errors import BadImage, BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.tsv"


def test_pictures_are_the_original_bytes_read_anew(path: Path) -> None:
    data = png(9)
    wrapped = "\n".join(b64(data)[i : i + 76] for i in range(0, len(b64(data)), 76))
    rows = [
        row(1, image=b64(data)),
        row(2, image=wrapped),
        row(3, image=f"data:image/png;base64,{b64(data)}"),
    ]
    for question in read_tsv(write(path, rows)):
        assert [image.read() for image in question.images] == [data]


@pytest.mark.parametrize("python", [False, True])
def test_a_list_of_pictures(path: Path, python: bool) -> None:
    two = [b64(png(1)), b64(png(2))]
    cell = str(two) if python else str(two).replace("'", '"')
    for question in read_tsv(write(path, [row(1, image=cell), row(2, image="1")])):
        assert [image.read() for image in question.images] == [png(1), png(2)]


def test_pictures_beside_the_file(path: Path) -> None:
    (path.parent / "images").mkdir()
    (path.parent / "images" / "a.png").write_bytes(png(3))
    skipped: list[Skipped] = []
    rows = [row(1, image="", image_path="images/a.png"), row(2, image="", image_path="images/b.png")]
    (question,) = read_tsv(write(path, rows), on_skipped=skipped.append)
    assert question.images[0].read() == png(3)
    assert [(s.uid, s.line) for s in skipped] == [("2", 3)]
    assert "images/b.png" in skipped[0].reason


@pytest.mark.parametrize("outside", ["/etc/hostname", "../secret.png", "images/../../secret.png"])
def test_a_picture_path_that_leads_out_of_the_folder_is_refused(path: Path, outside: str) -> None:
    write(path, [row(image="", image_path=outside)])
    with pytest.raises(BadInput, match="leads out of the file's folder"):
        list(read_tsv(path))


def test_pictures_are_not_read_while_questions_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, [row(k, image=b64(png(k, (40 + k, 30)))) for k in range(3)])
    table = TsvTable(path)
    read: list[str] = []
    data = TsvTable.data
    monkeypatch.setattr(TsvTable, "data", lambda self, r, c: read.append(c) or data(self, r, c))
    questions = list(vlmevalkit.read(table))
    assert read == []
    questions[1].images[0].read()
    assert read == ["image"]


def test_a_picture_that_is_not_base64_is_a_bad_image_when_read(path: Path) -> None:
    (question,) = read_tsv(write(path, [row(image="http://example.org/" + "x" * 80)]))
    with pytest.raises(BadImage, match=r"index 1.*not base64"):
        question.images[0].read()


def test_a_file_written_to_after_it_was_read_gives_no_wrong_picture(path: Path) -> None:
    (question,) = read_tsv(write(path, [row()]))
    with path.open("ab") as file:
        file.write(b"\n")
    with pytest.raises(BadImage, match="written to"):
        question.images[0].read()


def test_a_file_replaced_or_removed_after_it_was_read_does_no_harm(path: Path) -> None:
    (question,) = read_tsv(write(path, [row(image=b64(png(4)))]))
    path.unlink()
    assert question.images[0].read() == png(4)
