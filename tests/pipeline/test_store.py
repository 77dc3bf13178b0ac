"""The run folder: whole lines or nothing, no cell twice, and clear words when the disk says no."""

from __future__ import annotations

import errno
import io
import os
import random
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unswayed.errors import BadInput, RunChanged
from unswayed.pipeline.audit import Run
from unswayed.store import MemoryStore, PositionedTrial, RunWriter, shards
from unswayed.store import manifest as manifests
from unswayed.store.atomic_files import write_atomic
from unswayed.store.tables import BATCH
from unswayed.trial import SCHEMA, Trial

ASKS = {"model": "m", "sampling": {"temperature": 0.0, "stop": ("</answer>",)}}
HOSTILE = [
    "",
    "\n",
    '{"crc32":"00000000","at":[0,0,0]}\n',
    "\u2028\x00\x1e\r",
    "\ud800",
    "ünï 🙂",
    '","trial":',
]


def row(number: int, state: str = "ok", text: str = "x", **more: Any) -> PositionedTrial:
    base = Trial(
        key=f"{number:064x}", benchmark="b", family="f", uid=f"u{number}", group=f"g{number}",
        condition="base", sample=0, model="m", revision="", n_options=2, gold=0,
        options=("a", "b"), question="?", state=state,
        text=text, letters=(0.25, 0.75), image_sha256=("00",),
    )  # fmt: skip
    return PositionedTrial((number, 0, 0), replace(base, **more))


def opened(path: Path, **options: Any) -> RunWriter:
    return RunWriter.open(path, manifests.new_manifest(ASKS), **options)


def filled(path: Path, rows: Sequence[PositionedTrial]) -> None:
    with opened(path) as store:
        store.add(rows)


def cells(path: Path) -> list[tuple[str, str]]:
    t = Run.load(path).trials
    return list(zip(t["uid"].to_pylist(), t["text"].to_pylist(), strict=True))


def test_what_is_added_is_read_back_finished_or_not(tmp_path: Path) -> None:
    rows = [row(i, text=text) for i, text in enumerate(HOSTILE)]
    filled(tmp_path, rows[::-1])
    before = Run.load(tmp_path).trials
    with opened(tmp_path) as store:
        assert len(store) == len(rows)
        store.finish()
    after = Run.load(tmp_path).trials
    assert (tmp_path / "trials.parquet").exists()
    assert before.equals(after)
    assert after.schema == SCHEMA
    said = [text.replace("\ud800", "\ufffd") for text in HOSTILE]
    assert after["text"].to_pylist() == said
    memory = MemoryStore()
    memory.add(rows[::-1])
    assert memory.table().equals(after)


def test_a_shard_cut_anywhere_keeps_all_whole_lines(tmp_path: Path) -> None:
    rows = [row(i, text=text) for i, text in enumerate(HOSTILE)]
    filled(tmp_path / "whole", rows)
    data = (tmp_path / "whole" / "shards" / "000001.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
    assert len(ends) == 1 + len(rows)  # the manifest, then a line per trial
    for cut in range(len(data) + 1):
        complete = sum(end <= cut for end in ends[1:])
        assert len(list(shards.valid_headers(io.BytesIO(data[:cut])))) == complete


def test_a_damaged_line_is_left_out_and_its_neighbours_are_not(tmp_path: Path) -> None:
    filled(tmp_path, [row(i) for i in range(3)])
    at = tmp_path / "shards" / "000001.jsonl"
    data = at.read_bytes()
    first, second = [i + 1 for i, byte in enumerate(data) if byte == 10][1:3]
    seed = 5
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(300):
        place = draw.randrange(first, second - 1)
        other = bytes([(data[place] + draw.randrange(1, 256)) % 256])
        at.write_bytes(data[:place] + other + data[place + 1 :])
        assert [uid for uid, _ in cells(tmp_path)] == ["u0", "u2"]


def test_a_torn_end_is_never_continued(tmp_path: Path) -> None:
    filled(tmp_path, [row(0), row(1)])
    at = tmp_path / "shards" / "000001.jsonl"
    at.write_bytes(at.read_bytes()[:-5])
    filled(tmp_path, [row(1, text="again"), row(2)])
    assert cells(tmp_path) == [("u0", "x"), ("u1", "again"), ("u2", "x")]


def test_the_last_final_line_of_a_cell_wins(tmp_path: Path) -> None:
    filled(tmp_path, [row(0, "error", "e1"), row(1, "ok", "o1"), row(2, "error", "e1")])
    filled(tmp_path, [row(0, "ok", "o2"), row(1, "error", "e2"), row(2, "error", "e2")])
    assert cells(tmp_path) == [("u0", "o2"), ("u1", "o1"), ("u2", "e2")]


def test_an_error_is_not_stored_for_good_and_its_key_may_change(tmp_path: Path) -> None:
    filled(tmp_path, [row(0, "error", key="aa" * 32), row(1)])
    with opened(tmp_path) as store:
        names = [header.id for header in shards.headers(tmp_path / "shards" / "000001.jsonl")]
        assert [store.stored_key(name) for name in names] == [None, row(1).trial.key]
        store.add([row(0, key="bb" * 32)])
    assert Run.load(tmp_path).trials["key"].to_pylist()[0] == "bb" * 32


def test_a_table_longer_than_one_batch_is_whole_and_in_order(tmp_path: Path) -> None:
    n = 2 * BATCH + 3
    draw = random.Random(0)
    rows = [row(i) for i in range(n)]
    draw.shuffle(rows)
    with opened(tmp_path) as store:
        for begin in range(0, n, 500):
            store.add(rows[begin : begin + 500])
        store.finish()
    assert Run.load(tmp_path).trials["uid"].to_pylist() == [f"u{i}" for i in range(n)]
    memory = MemoryStore()
    memory.add(rows)
    assert memory.table().equals(Run.load(tmp_path).trials)


def test_the_table_does_not_depend_on_interruptions(tmp_path: Path) -> None:
    rows = [row(i, text="y" * i) for i in range(50)]
    filled(tmp_path / "a", rows)
    filled(tmp_path / "b", [*rows[30:], row(3, "error")])
    filled(tmp_path / "b", rows[:30])
    for name in "ab":
        with opened(tmp_path / name) as store:
            store.finish()
    assert (tmp_path / "a/trials.parquet").read_bytes() == (tmp_path / "b/trials.parquet").read_bytes()


def test_a_stale_table_is_not_trusted(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.add([row(0)])
        store.finish()
    filled(tmp_path, [row(1)])
    assert cells(tmp_path) == [("u0", "x"), ("u1", "x")]


def test_a_run_without_its_shards_can_be_read_but_not_resumed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.add([row(0)])
        store.finish()
    (tmp_path / "shards" / "000001.jsonl").unlink()
    assert cells(tmp_path) == [("u0", "x")]
    with pytest.raises(BadInput, match="not resumed"):
        opened(tmp_path)
    assert cells(tmp_path) == [("u0", "x")]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(BadInput, match=f"another process .id {os.getpid()}"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_another_manifest_is_refused_and_versions_only_warn(tmp_path: Path) -> None:
    opened(tmp_path).close()
    other = manifests.new_manifest(
        {**ASKS, "sampling": {"temperature": 0.5, "stop": ("</answer>",)}, "seed": 1}
    )
    with pytest.raises(RunChanged) as refused:
        RunWriter.open(tmp_path, other)
    assert "sampling.temperature: 0.0 then, 0.5 now" in str(refused.value)
    assert "seed: absent then, 1 now" in str(refused.value)
    assert "model" not in str(refused.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(tmp_path).close()
    newer = manifests.new_manifest(ASKS)
    newer["sessions"][0]["versions"]["numpy"] = "99"
    with pytest.warns(UserWarning, match="numpy.*99"):
        RunWriter.open(tmp_path, newer).close()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"format": 99, "asks": {}, "sessions": []}']
)
def test_a_strange_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BadInput, match="manifest"):
        opened(tmp_path)
    with pytest.raises(BadInput, match="manifest"):
        Run.load(tmp_path)


def test_strange_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="this path is a file"):
        opened(tmp_path / "file")
    with pytest.raises(BadInput, match="a part of this path is a file"):
        opened(tmp_path / "file" / "run")
    with pytest.raises(BadInput, match="neither empty nor a run"):
        opened(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["file"]
    with pytest.raises(BadInput, match="not a run's manifest"):
        Run.load(tmp_path / "nowhere")


def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def full(fd: int, data: Any) -> int:
        if len(data) > 100:
            return write(fd, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(tmp_path) as store:
        store.add([row(0)])
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            with pytest.raises(BadInput, match="No space left on device; free some space"):
                store.add([row(1)])
        store.add([row(2)])
    assert cells(tmp_path) == [("u0", "x"), ("u2", "x")]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = tmp_path / "a"
    write_atomic(at, b"old")

    def refuse(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(BadInput, match="free some space"):
        write_atomic(at, b"new")
    assert at.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_pictures_are_kept_once_within_the_budget(tmp_path: Path) -> None:
    with opened(tmp_path, image_budget=10) as store:
        for name, size in (("aa", 6), ("aa", 6), ("bb", 5), ("cc", 4)):
            store.keep_image(name, b"x" * size)
    (tmp_path / "images" / ".dd.1.tmp").write_bytes(b"torn")
    with opened(tmp_path, image_budget=12) as store:
        store.keep_image("ee", b"xxx")
        store.keep_image("ff", b"xx")
    assert sorted(os.listdir(tmp_path / "images")) == ["aa", "cc", "ff"]
