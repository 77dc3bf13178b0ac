"""What a cell of a tab-separated file is, where it lies, and which files are no tables."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unswayed.benchmarks.files import seekable_file
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.files.tsv_scan import UnclosedQuote, scan_records, unquote
from unswayed.errors import BadInput

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.tsv"


def cells_by_scan(data: bytes, piece: int) -> list[list[str]]:
    pieces = (data[i : i + piece] for i in range(0, len(data), piece))
    cells = []
    for start, *ends in scan_records(pieces):
        starts = [start, *(end + 1 for end in ends[:-1])]
        cells.append([unquote(data[a:b]).decode() for a, b in zip(starts, ends, strict=True)])
    return cells


def cells_by_csv(data: bytes) -> list[list[str]]:
    reader = csv.reader(io.StringIO(data.decode(), newline=""), dialect="excel-tab")
    return [record for record in reader if record]


@given(text=st.text(alphabet='a"é\t\r\n,', max_size=40), piece=st.integers(1, 9))
def test_cells_are_those_of_the_csv_module_wherever_pieces_are_cut(text: str, piece: int) -> None:
    data = text.encode()
    try:
        cells = cells_by_scan(data, piece)
    except UnclosedQuote as problem:
        # The csv module takes the rest of the file as the cell; here that is an error. Closing the
        # quote must give what it reads.
        data = data[: problem.args[0]] + b'"' + data[problem.args[0] + 1 :] + b'"'
        cells = cells_by_scan(data, piece)
    assert cells == cells_by_csv(data)


@given(
    table=st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_the_csv_module_writes_is_read_back(table: list[list[str]], end: str, quoting: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, dialect="excel-tab", lineterminator=end, quoting=quoting).writerows(table)
    data = out.getvalue().encode()
    cells = cells_by_scan(data, 7)
    assert cells == cells_by_csv(data)
    if quoting == csv.QUOTE_ALL:  # otherwise line ends other than its own stay without quotes
        assert cells == table


@pytest.mark.parametrize("piece", [3, 4, 7, 1000])
def test_a_table_gives_cells_by_offset_and_knows_their_lines(
    path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seekable_file, "CHUNK", piece)
    path.write_bytes('\ufeffa\tb\r\n"x\r\ny"\t1\r\n\r\n"say ""hi"""\t\r\nlast\té'.encode())
    table = TsvTable(path)
    assert table.columns == ("a", "b")
    assert len(table) == 3
    assert [table.text(r, "a") for r in range(3)] == ["x\ny", 'say "hi"', "last"]
    assert [table.text(r, "b") for r in range(3)] == ["1", "", "é"]
    assert table.text(0, "no such column") == ""
    assert [table.line(r) for r in (2, 0, 1)] == [6, 2, 5]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"a\tb\n1\t2\n3\n", "line 3: has 1 cells where the header has 2"),
        (b"a\tb\n1\t2\n3\t4\t5\n", "line 3: has 3 cells"),
        (b'a\tb\n1\t2\n3\t"4\n\n', "line 3: a quoted cell begins here and never ends"),
        (b"a\xff\tb\n1\t2\n", "line 1: a cell is not UTF-8"),
        ("a\tb\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"a\tb\n" * 100, mtime=0)[:-12], "not a whole gzip file"),
    ],
)
def test_files_that_are_no_table_are_refused(path: Path, data: bytes, words: str) -> None:
    path.write_bytes(data)
    with pytest.raises(BadInput, match=words):
        TsvTable(path)
