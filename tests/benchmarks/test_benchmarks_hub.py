"""The hub over HTTP, by its own client: fetched whole where small, read in pieces where large."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hub_server import COMMIT, Hub, serving
from tsv_files import png
from unswayed.benchmarks import load
from unswayed.benchmarks.files import streaming
from unswayed.benchmarks.files.remote import RemoteFile
from unswayed.errors import BadInput

ROWS, GROUP = 40, 4
SPLIT = "SAT_train.parquet"


def picture(k: int) -> bytes:
    """About 90 kB that cannot be packed smaller; two neighbours are one picture."""
    return png(k // 2, (200, 150))


def table(answers: dict[int, str] | None = None) -> bytes:
    rows = [
        {
            "image_bytes": [picture(k)],
            "question": f"Which way, {k}?",
            "answers": ["left", "right"],
            "question_type": "other",
            "correct_answer": (answers or {}).get(k, "left"),
        }
        for k in range(ROWS)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=GROUP)
    return out.getvalue()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("UNSWAYED_CACHE", str(tmp_path / "own"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    # The client reads the variable when it is imported, perhaps by a test that had set it.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(streaming, "BLOCK", 1 << 12)
    with serving(Hub("array/SAT", {SPLIT: table(), "README.md": b"# SAT"})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_a_small_split_is_fetched_whole_once_into_the_hubs_cache(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = load("sat", split="train", limit=3)
    assert hub.sent == {SPLIT: len(hub.files[SPLIT]), "README.md": 0}
    assert (tmp_path / "hub/datasets--array--SAT/snapshots" / COMMIT / SPLIT).is_file()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load("sat", split="train", limit=3) == questions
    assert hub.sent[SPLIT] == len(hub.files[SPLIT])


def test_of_a_large_split_only_what_was_drawn_is_read_and_kept(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load("sat", data=_written(tmp_path, hub), split="train", limit=3, seed=4)
    monkeypatch.setattr(streaming, "LARGE", 1000)
    questions = load("sat", split="train", limit=3, seed=4)
    assert [(q.uid, q.text, q.options, q.gold) for q in questions] == [
        (q.uid, q.text, q.options, q.gold) for q in whole
    ]
    assert 0 < hub.sent[SPLIT] < 0.5 * len(hub.files[SPLIT])
    # Asking reads what was kept; so does loading again.
    spent = hub.sent[SPLIT]
    assert [q.images[0].read() for q in questions] == [picture(int(q.uid)) for q in questions]
    assert hub.sent[SPLIT] == spent
    again = load("sat", split="train", limit=3, seed=4)
    assert [q.uid for q in again] == [q.uid for q in questions]
    assert again.version == questions.version == load("sat", split="train", limit=5, seed=4).version
    assert not (tmp_path / "hub").exists() or not list((tmp_path / "hub").rglob("*.parquet"))


def test_rows_that_show_one_picture_are_one_group_among_those_drawn(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LARGE", 1000)
    questions = load("sat", split="train", limit=ROWS)
    assert {q.group for q in questions} == {str(k) for k in range(0, ROWS, 2)}


def test_rows_left_out_are_made_up_for_as_in_a_whole_file(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    answers = dict.fromkeys(random.Random(seed).sample(range(ROWS), 26), "neither")
    hub.files[SPLIT] = table(answers)
    whole = load("sat", data=_written(tmp_path, hub), split="train", limit=9, seed=seed)
    monkeypatch.setattr(streaming, "LARGE", 1000)
    questions = load("sat", split="train", limit=9, seed=seed)
    assert [q.uid for q in questions] == [q.uid for q in whole]
    assert {s.uid for s in questions.skipped} <= {s.uid for s in whole.skipped}


def test_without_a_limit_a_large_file_is_fetched_for_all_of_it_is_wanted(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LARGE", 1000)
    assert len(load("sat", split="train")) == ROWS
    assert hub.sent[SPLIT] == len(hub.files[SPLIT])
    load("sat", split="train", limit=2)  # it is in the cache by now
    assert hub.sent[SPLIT] == len(hub.files[SPLIT])


def test_a_hub_that_breaks_off_is_told_in_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LARGE", 1000)
    files = streaming.open_streamed(_source(), "train")
    assert files is not None
    hub.broken = True
    with pytest.raises(BadInput, match=r"array/SAT@bda5.*SAT_train\.parquet"):
        load("sat", split="train", limit=2)


def test_a_kept_cell_that_was_damaged_is_no_cell(tmp_path: Path) -> None:
    file = RemoteFile("far", lambda: None, tmp_path)
    for n, cell in enumerate(
        (None, "text", b"\0\xff", [b"a", None], {"bytes": b"x", "path": "p"}, [{"a": []}])
    ):
        file.cache_cell(str(n), cell)
        assert file.cached(str(n)) == (cell,)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert all(file.cached(str(n)) is None for n in range(7))


def _source() -> object:
    from unswayed.benchmarks.catalogue import PUBLISHED

    return next(p.hub for p in PUBLISHED if p.name == "sat")


def _written(folder: Path, hub: Hub) -> Path:
    path = folder / SPLIT
    path.write_bytes(hub.files[SPLIT])
    return path
