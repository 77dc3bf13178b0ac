"""Several benchmarks in one training, and in its audits."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unswayed.benchmarks import registry
from unswayed.errors import BadInput
from unswayed.training import session
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.config.loader import as_dict, build_config, changed_settings, load_config

THREE = {"scenes": 2, "scenes-easy": 1, "scenes-hard": 1}


def parts(questions: registry.Questions) -> Counter[str]:
    return Counter(question.uid.partition("/")[0] for question in questions)


def config(**data: Any) -> GrpoConfig:
    return build_config({"data": {"limit": 40} | data, "audit": {"limit": 12}})


def test_shares_are_those_of_the_config_in_every_prefix() -> None:
    questions = session.training_questions(config(mixture=THREE))
    assert parts(questions) == {"scenes": 20, "scenes-easy": 10, "scenes-hard": 10}
    first = Counter(question.uid.partition("/")[0] for question in questions[:8])
    assert first == {"scenes": 4, "scenes-easy": 2, "scenes-hard": 2}


def test_audits_are_of_the_same_mixture_or_of_their_own() -> None:
    how = config(mixture=THREE)
    audited = session.audit_questions(how)
    assert audited is not None
    assert parts(audited) == {"scenes": 6, "scenes-easy": 3, "scenes-hard": 3}
    session.check_disjoint(how, session.training_questions(how), audited)
    own = build_config({"data": {"mixture": THREE}, "audit": {"limit": 4, "mixture": {"scenes-hard": 1}}})
    questions = session.audit_questions(own)
    assert questions is not None
    assert parts(questions) == {"scenes-hard": 4}
    single = build_config({"data": {"mixture": THREE}, "audit": {"limit": 4, "benchmark": "scenes"}})
    plain = session.audit_questions(single)
    assert plain is not None
    assert plain.name == "scenes"


@pytest.mark.parametrize("audit", [{"benchmark": "scenes-hard"}, {"mixture": {"scenes-hard": 1}}, {}])
@pytest.mark.parametrize("data", [{"benchmark": "scenes-hard"}, {"mixture": {"scenes-hard": 1.0}}])
def test_what_is_trained_on_is_not_audited_under_whatever_uid(data: Any, audit: Any) -> None:
    how = build_config(
        {"data": {"limit": 8, "seed": 5, **data}, "audit": {"limit": 8, "seed": 5, "split": "train", **audit}}
    )
    held_out = session.audit_questions(how)
    assert held_out is not None
    with pytest.raises(BadInput, match="8 of 8 audit questions are trained on"):
        session.check_disjoint(how, session.training_questions(how), held_out)


def test_splits_and_folders_by_benchmark(tmp_path: Path) -> None:
    image = base64.b64encode(next(iter(registry.load("scenes", limit=1))).images[0].read()).decode()
    head = "index\timage\tquestion\tA\tB\tanswer\tsplit\n"
    for name in ("one", "two"):
        rows = [f"{i}\t{image}\t{name} {i}?\tyes\tno\tA\t{'dev' if i % 2 else 'train'}\n" for i in range(8)]
        (tmp_path / f"{name}.tsv").write_text(head + "".join(rows))
    one, two = (str(tmp_path / f"{name}.tsv") for name in ("one", "two"))
    how = config(mixture={one: 1, two: 1}, limit=0, splits={two: "dev"})
    texts = {question.text for question in session.training_questions(how)}
    assert texts == {f"one {i}?" for i in (0, 2, 4, 6)} | {f"two {i}?" for i in (1, 3, 5, 7)}


def test_in_a_file_on_the_command_line_and_stored(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[data]\nlimit = 8\n[data.mixture]\nscenes-easy = 1\nscenes-hard = 3\n")
    how = load_config(file)
    assert how.data.mixture == {"scenes-easy": 1.0, "scenes-hard": 3.0}
    changed = load_config(file, ["data.mixture={scenes = 1}"])
    assert changed.data.mixture == {"scenes": 1.0}
    assert build_config(as_dict(how)) == how
    assert changed_settings(as_dict(how), as_dict(changed)) == [
        "data.mixture: {'scenes-easy': 1.0, 'scenes-hard': 3.0}, now {'scenes': 1.0}"
    ]
    before = as_dict(build_config({}))
    for table in ("data", "audit"):
        for name in ("mixture", "splits", "folders"):
            del before[table][name]
    assert changed_settings(before, as_dict(build_config({}))) == [], "a folder of an older version"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"mixture": {"scenes": "much"}}, "data.mixture is .*give a table by benchmark"),
        ({"mixture": ["scenes"]}, "data.mixture is .*give a table by benchmark"),
        ({"mixture": {"scenes": 1}, "folders": {"sat": "x"}}, "data.folders names 'sat', which is not in"),
        ({"splits": {"sat": "x"}}, "data.splits names 'sat'"),
    ],
)
def test_what_is_wrong_is_named(data: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        config(**data)


def test_unknown_benchmarks_and_shares_are_refused() -> None:
    for mixture, said in (({"scenes": 0}, "weight"), ({"scnes": 1}, "scnes")):
        with pytest.raises(BadInput, match=said):
            session.training_questions(config(mixture=mixture))
