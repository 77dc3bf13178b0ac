"""Lines with right checksums that unswayed did not write: ignored, or one clear error. Found by fuzzing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unswayed.errors import BadInput
from unswayed.review.labels import read_labels
from unswayed.store import PositionedTrial, TrialUpdate, load
from unswayed.store import manifest as manifests
from unswayed.store.checksummed_lines import checksum, encode_line
from unswayed.store.run_folder import write_manifest
from unswayed.store.shards import encode, encode_update, read_manifest, trial_identity
from unswayed.store.verdicts import read_votes
from unswayed.trial import Trial

TRIAL = Trial(
    *("ab" * 32, "scenes", "colour", "1", "g", "base", 0, "m", "1"), 2, 0, ("red", "blue"), "Which?", "ok"
)
WHOLE = encode(PositionedTrial((0, 0, 0), TRIAL))
NO_TRIAL_HEADERS = [
    {"at": 1}, {"at": [0, 0]}, {"at": [0, 0, -1]}, {"at": [0, 0, 10**30]}, {"at": ["0", 0, 0]}, {"id": "ab"},
    {"id": 3}, {"id": "x" * 32}, {"final": 1}, {"final": None}, {"key": "abc"}, {"key": []}, {"open": "yes"},
]  # fmt: skip


def folder_with(path: Path, *lines: bytes) -> Path:
    (path / "shards").mkdir(parents=True)
    write_manifest(path, manifests.new_manifest({"model": "m", "judge": "rules-3"}))
    (path / "shards" / "000001.jsonl").write_bytes(b"".join(lines))
    return path


def line(value: dict[str, Any]) -> bytes:
    return encode_line(json.dumps(value, separators=(",", ":")))


def header(**changes: Any) -> dict[str, Any]:
    own = {"at": [1, 0, 0], "id": trial_identity(TRIAL), "final": True, "key": TRIAL.key}
    return {**own, **changes, "trial": {**vars(TRIAL), "uid": "foreign"}}


@pytest.mark.parametrize("changes", NO_TRIAL_HEADERS)
def test_a_line_whose_header_is_none_is_ignored(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = folder_with(tmp_path / "run", WHOLE, line(header(**changes)))
    assert load(folder)[0]["uid"].to_pylist() == ["1"]


@pytest.mark.parametrize("missing", ["at", "id", "final", "key"])
def test_a_line_without_a_field_of_the_header_is_ignored(tmp_path: Path, missing: str) -> None:
    value = {name: field for name, field in header().items() if name != missing}
    assert len(load(folder_with(tmp_path / "run", WHOLE, line(value)))[0]) == 1


@pytest.mark.parametrize(
    "text", ['{"at":[0,0,0]x,"trial":1}', '{"id":"ab","update":1}', '{"update":{}}', '{"a":']
)
def test_a_line_that_is_no_json_is_ignored(tmp_path: Path, text: str) -> None:
    assert len(load(folder_with(tmp_path / "run", encode_line(text), WHOLE))[0]) == 1


@pytest.mark.parametrize(
    "trial",
    [[], "x", {}, {**vars(TRIAL), "state": "odd"}, {**vars(TRIAL), "uid": 3}, {**vars(TRIAL), "gold": "x"}],
)
def test_a_trial_that_is_none_is_one_error_that_names_a_remedy(tmp_path: Path, trial: Any) -> None:
    folder = folder_with(tmp_path / "run", line({**header(), "trial": trial}))
    with pytest.raises(BadInput, match="fetch it again"):
        load(folder)


def test_an_update_adds_no_column_of_its_own(tmp_path: Path) -> None:
    opened = encode(PositionedTrial((0, 0, 0), TRIAL, True))
    update = encode_update(TrialUpdate(trial_identity(TRIAL), {"error": "e", "odd": 1}), checksum(opened))
    (row,) = load(folder_with(tmp_path / "run", opened, update))[0].to_pylist()
    assert row["error"] == "e"
    assert "odd" not in row


@pytest.mark.parametrize("first", ['{"manifest":[]}', '{"manifest":{}', '{"x":1}'])
def test_a_shard_without_a_manifest_has_none(tmp_path: Path, first: str) -> None:
    (tmp_path / "shard").write_bytes(encode_line(first))
    assert read_manifest(tmp_path / "shard") is None


VOTE = {"key": TRIAL.key, "judge": "j", "version": "1", "found": "option", "option": 1}
NO_VOTES = [
    {"odd": 1}, {"judge": None}, {"key": 3}, {"option": "A"}, {"option": -1}, {"option": 2**40},
    {"option": True}, {"raw": 1}, {"acknowledges": "yes"},
]  # fmt: skip


@pytest.mark.parametrize("changes", NO_VOTES)
def test_a_vote_that_is_none_is_ignored(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "verdicts").mkdir()
    lines = [line(VOTE), line({**VOTE, **changes}), encode_line('{"key":'), encode_line('{"key":"a"}')]
    (tmp_path / "verdicts" / "000001.jsonl").write_bytes(b"".join(lines))
    votes = read_votes(tmp_path)
    assert list(votes) == ["j"]
    assert votes["j"][TRIAL.key].option == 1


NO_LABELS: list[dict[str, Any]] = [
    {"sample": 1}, {"sample": ["a"]}, {"sample": ["a"], "stratum": {}, "sizes": {}}, {"key": "a"},
    {"found": "x"},
    {"sample": ["a"], "stratum": {"a": "s"}, "sizes": {"t": 1}}, {"key": "a", "found": "x", "option": "A"},
]  # fmt: skip


@pytest.mark.parametrize("value", NO_LABELS)
def test_a_label_that_is_none_is_ignored(tmp_path: Path, value: dict[str, Any]) -> None:
    own = {"key": "b", "found": "option", "option": 0}
    (tmp_path / "review.jsonl").write_bytes(line(own) + line(value) + encode_line('{"key"'))
    assert read_labels(tmp_path).verdicts == {"b": ("option", 0)}
