"""Supervised finetuning: what is learnt is the audit's own prompt and, behind it, the completion alone."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

pytest.importorskip("trl")

from safetensors.torch import load_file
from typer.testing import CliRunner

import tiny_models
from places import ROOT
from unswayed import conditions, pebble
from unswayed.backends import open_backend
from unswayed.backends.transformers import loading
from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.backends.transformers.batching import ImageCache, prepare_items
from unswayed.benchmarks import registry
from unswayed.cli import app, main
from unswayed.errors import BadInput, RunChanged
from unswayed.pipeline.audit import audit
from unswayed.question import Question
from unswayed.training.config import loader as configs
from unswayed.training.config import sft as sft_config
from unswayed.training.config.sft import LossGuardSettings, SftConfig
from unswayed.training.evaluation import DynamicsTable
from unswayed.training.guards import Diverged
from unswayed.training.run_dir import last_checkpoint
from unswayed.training.sft.collator import IGNORED, ExampleCollator
from unswayed.training.sft.example import Example, PromptText
from unswayed.training.sft.examples import collect_examples
from unswayed.training.sft.guards import LossRiseDetector
from unswayed.training.sft.run import finetune, load_sft_config
from unswayed.training.sft.trainer import SftTrainer
from unswayed.training.sft.written_thoughts import from_file, from_truth

CONFIGS = ROOT / "configs"
SMOKE = CONFIGS / "sft-smoke.toml"
TINY = ["sft.lr=1e-3", "sft.batch=4", "data.limit=16", "audit.limit=3", "audit.max_tokens=6"]
TIMES = {"train_runtime", "seconds"}
KINDS = {
    "llava": tiny_models.llava,
    "qwen": tiny_models.qwen,
    "idefics": tiny_models.idefics,
    "thinking": lambda folder: tiny_models.llava(folder, template=tiny_models.THINKING),
    "no-system": lambda folder: tiny_models.llava(folder, template=tiny_models.NO_SYSTEM),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in KINDS.items()}


@pytest.fixture(scope="module")
def folder(folders: dict[str, Path]) -> Path:
    return folders["llava"]


@pytest.fixture(scope="module")
def questions() -> tuple[Question, ...]:
    return registry.load("scenes-easy", split="train", limit=16).items


@pytest.fixture(scope="module")
def own(questions: tuple[Question, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit by one who is right, and one wrong thought already begun."""
    out = tmp_path_factory.mktemp("own") / "run"
    backend = open_backend("scripted:oracle", questions)
    asyncio.run(audit(backend, questions, ["base", "wrong-think", "stop-think"], store=out))
    return out


def sheet(path: Path) -> ExampleCollator:
    shape = loading.load_config(str(path))
    model = loading.load_model(str(path), shape, dtype=torch.float32, revision=None, trust_remote_code=False)
    return ExampleCollator(loading.load_processor(str(path)), model, path.name)


def examples(questions: tuple[Question, ...]) -> list[Example]:
    """Of every kind: with a thought, at once, and behind a thought that is put into the model's mouth."""
    config = configs.build(SftConfig, {"thoughts": {"scenes": True, "direct": 0.4}})
    found = list(collect_examples(config, questions).examples)
    q = questions[0]
    text = conditions.question_text(q, q.options)
    begun = PromptText(conditions.SYSTEM, text, "<think>The circle is blue.", q.options)
    found.append(Example(q, "wrong-think", " But no.</think><answer>(A)</answer>", "here", begun))
    assert {each.condition for each in found} == {"base", "stop-think", "wrong-think"}
    return found


def settings(folder: Path, *changes: str) -> SftConfig:
    return load_sft_config(SMOKE, [f"model.path={folder}", *TINY, *changes])


def metrics(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kind", KINDS)
def test_the_audits_prompt_then_the_completion_and_labels_for_that_alone(
    kind: str, folders: dict[str, Path], questions: tuple[Question, ...]
) -> None:
    backend, mine = TransformersBackend(str(folders[kind]), device="cpu"), sheet(folders[kind])
    learnt = examples(questions)
    page = mine.collate(learnt)
    tokenizer = mine.processor.tokenizer
    for i, each in enumerate(learnt):
        row = each.row(tuple(image.read() for image in each.question.images))
        album = ImageCache()
        (item,) = prepare_items([row.prompt], album, backend._renderer, tokenizer)
        audited = backend._batcher._inputs([item], album)["input_ids"][0].tolist()
        ids, labels = page["input_ids"][i].tolist(), page["labels"][i].tolist()
        there = int(page["attention_mask"][i].sum())
        assert page["attention_mask"][i].tolist() == [1] * there + [0] * (len(ids) - there)
        assert ids[: len(audited)] == audited, "the prompt's tokens are the audit's"
        assert labels[: len(audited)] == [IGNORED] * len(audited), "neither prompt, pictures nor prefill"
        assert labels[there:] == [IGNORED] * (len(ids) - there), "nor padding"
        tail = ids[len(audited) : there]
        assert labels[len(audited) : there] == tail, "all of the completion"
        assert tail[-1] == mine.end == tokenizer.convert_tokens_to_ids(tiny_models.END)
        given = item.rendered.template_opening
        whole = each.completion if not given else given + each.completion.removeprefix("<think>")
        assert given + mine.words.text(audited, tail) == whole
        assert (row.prompt.prefill + each.completion).startswith("<think>")
        assert each.completion.endswith("</answer>")
        thought = page["thought"][i].item() - len(audited)
        said = given + mine.words.text(audited, tail[:thought])
        assert said.endswith("</think>") if each.condition != "stop-think" else said == ""


def test_a_page_is_the_same_row_by_row(folders: dict[str, Path], questions: tuple[Question, ...]) -> None:
    """Padding changes no probability, wherever a model counts its positions."""
    for kind in ("llava", "qwen", "idefics"):
        mine = sheet(folders[kind])
        model = TransformersBackend(str(folders[kind]), device="cpu")._model
        learnt = examples(questions)[:3]
        together = by_hand(model, mine.collate(learnt))
        for n, each in enumerate(learnt):
            assert by_hand(model, mine.collate([each]))[0] == pytest.approx(together[n], abs=1e-4), kind


def by_hand(model: Any, page: dict[str, Any]) -> list[list[float]]:
    """-log p of every learnt token, row by row, from the whole softmax."""
    fields = {k: v for k, v in page.items() if isinstance(v, torch.Tensor) and k not in ("labels", "thought")}
    with torch.no_grad():
        logits = model(**fields).logits.double()
    out = []
    for row, wanted in zip(logits, page["labels"], strict=True):
        p = torch.exp(row) / torch.exp(row).sum(-1, keepdim=True)
        places = [t for t in range(len(wanted)) if wanted[t] != IGNORED]
        out.append([-math.log(p[t - 1, wanted[t]]) for t in places])
    return out


def test_tokens_that_would_melt_into_the_prefill_stay_apart(
    folder: Path, questions: tuple[Question, ...]
) -> None:
    """`` lo`` + ``ok`` is one token when written at once; a model that goes on behind `` lo`` says `ok`."""
    mine, q = sheet(folder), questions[0]
    wording = PromptText("s", "t", "<think> lo", q.options)
    page = mine.collate([Example(q, "wrong-think", "ok.</think><answer>(A)</answer>", "here", wording)])
    labels = [t for t in page["labels"][0].tolist() if t != IGNORED]
    assert mine.words.decode(labels[:-1]) == "ok.</think><answer>(A)</answer>"
    melted = mine.processor.tokenizer(" look")["input_ids"]
    assert len(melted) == 1
    assert melted[0] not in page["input_ids"][0]


def test_words_that_mean_something_else_to_the_model_are_refused(
    folder: Path, questions: tuple[Question, ...]
) -> None:
    mine = sheet(folder)
    for mark in ("<image>", tiny_models.END):
        bad = Example(
            questions[0], "base", f"<think>It {mark} is.</think><answer>(A)</answer>", "a.jsonl, line 3"
        )
        with pytest.raises(BadInput, match=r"a.jsonl, line 3: holds .* a special token"):
            mine.fitting([bad], 0)


def test_long_completions_are_left_out_and_counted(folder: Path, questions: tuple[Question, ...]) -> None:
    mine, learnt = sheet(folder), examples(questions)
    sizes = [int((mine.collate([each])["labels"] != IGNORED).sum()) for each in learnt]
    edge = sorted(sizes)[len(sizes) // 2]
    kept, out = mine.fitting(learnt, edge)
    assert kept == [each for each, size in zip(learnt, sizes, strict=True) if size <= edge]
    assert out == Counter({f"longer than {edge} tokens": len(learnt) - len(kept)})
    assert mine.fitting(learnt, 0)[0] == learnt


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke config by the command line."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    changes = [word for change in (f"model.path={folder}", *TINY) for word in ("--set", change)]
    result = CliRunner().invoke(app, ["sft", str(SMOKE), "--out", str(out), *changes])
    assert result.exit_code == 0, result.output
    assert "16 examples (" in result.output
    assert "step 6: base" in result.output
    return out


def test_a_steps_loss_is_the_cross_entropy_of_its_completions(
    folder: Path, questions: tuple[Question, ...], tmp_path: Path
) -> None:
    """Also in parts: a mean over all tokens of the step, not a mean of means."""
    model = TransformersBackend(str(folder), device="cpu")._model
    seen: list[list[Example]] = []
    real = ExampleCollator.collate

    def spied(self: ExampleCollator, some: Any) -> dict[str, Any]:
        seen.append(list(some))
        return real(self, some)

    ended = []
    for rows in (4, 2, 1):
        seen.clear()
        out = tmp_path / str(rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ExampleCollator, "collate", spied)
            assert finetune(settings(folder, f"sft.micro_batch={rows}", "sft.steps=1", "audit.every=0"), out)
        nlls = [
            n
            for each in [e for some in seen for e in some][:4]
            for n in by_hand(model, sheet(folder).collate([each]))[0]
        ]
        (line,) = metrics(out)
        assert line["loss"] == pytest.approx(sum(nlls) / len(nlls), rel=1e-4)
        assert line["completion_tokens"] * 4 == len(nlls)
        ended.append((line["loss"], weights(out)))
    for loss, found in ended[1:]:
        assert loss == pytest.approx(ended[0][0], rel=1e-5)
        assert all(torch.allclose(found[k], ended[0][1][k], atol=1e-5) for k in found)


def test_records_are_those_of_any_training(whole: Path, folder: Path, tmp_path: Path) -> None:
    lines = metrics(whole)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    for line in lines:
        parts = [line[name] for name in ("thought_nll", "answer_nll")]
        assert min(parts) <= line["loss"] <= max(parts)
    assert last_checkpoint(whole / "checkpoints") == whole / "checkpoints" / "checkpoint-6"
    manifest = json.loads((whole / "manifest.json").read_text())
    assert (manifest["examples"]["n"], manifest["questions"]["n"]) == (16, 16)
    rows = DynamicsTable(whole).read()
    assert {row["step"] for row in rows} == {0, 3, 6}
    kl = {row["step"]: row["value"] for row in rows
          if (row["condition"], row["measure"]) == ("base", "kl_start")}  # fmt: skip
    assert kl[0] == pytest.approx(0, abs=1e-9)
    assert kl[6] > 1e-6
    report = CliRunner().invoke(app, ["report", str(whole)])
    assert report.exit_code == 0, report.output
    assert (whole / "report.html").exists()


def test_the_model_is_ready_for_audits_and_for_reinforcement(whole: Path, tmp_path: Path) -> None:
    asked = ["--split", "dev", "--limit", "2", "--max-tokens", "4", "--out", str(tmp_path / "a")]
    result = CliRunner().invoke(app, ["audit", str(whole / "model"), "--conditions", "base", *asked])
    assert result.exit_code == 0, result.output
    smoke = [str(CONFIGS / "pebble-smoke.toml"), "--out", str(tmp_path / "b")]
    changes = [f"model.path={whole / 'model'}", "grpo.steps=1", "grpo.max_tokens=4", "audit.every=0"]
    result = CliRunner().invoke(app, ["train", *smoke, *(w for c in changes for w in ("-s", c))])
    assert result.exit_code == 0, result.output


def test_one_seed_gives_one_run_and_audits_leave_no_trace(whole: Path, folder: Path, tmp_path: Path) -> None:
    silent, other = tmp_path / "silent", tmp_path / "other"
    assert finetune(settings(folder, "audit.every=0"), silent)
    assert finetune(settings(folder, "seed=1", "audit.every=0"), other)
    assert metrics(silent) == metrics(whole)
    assert same(weights(silent), weights(whole))
    assert not same(weights(other), weights(whole))


def test_a_stopped_run_goes_on_as_if_it_had_not_been(whole: Path, folder: Path, tmp_path: Path) -> None:
    """In the first epoch, and in the second."""
    out = tmp_path / "parts"
    assert not finetune(settings(folder), out, until=1)
    assert not (out / "model").exists()
    asked = iter([False, False, False, True])
    assert not finetune(settings(folder), out, stop=lambda: next(asked))
    assert metrics(out)[-1]["step"] == 5
    with (out / "metrics.jsonl").open("a") as lines:  # of a step that will be made again
        lines.write(json.dumps({"step": 6, "loss": 1.0}) + "\n")
    assert finetune(settings(folder, "guard.patience=7"), out), "the guard may change"
    assert metrics(out) == metrics(whole)
    assert same(weights(out), weights(whole))
    assert DynamicsTable(out).read() == DynamicsTable(whole).read()
    with pytest.raises(RunChanged, match=r"sft.lr: 0.001, now 0.5"):
        finetune(settings(folder, "sft.lr=0.5"), out)


def test_files_that_changed_under_a_run_are_refused(
    folder: Path, questions: tuple[Question, ...], tmp_path: Path
) -> None:
    file, out = tmp_path / "t.jsonl", tmp_path / "out"
    changes = ["thoughts.scenes=false", f"thoughts.file={file}", "audit.every=0"]
    file.write_text("".join(json.dumps({"uid": q.uid, "thought": "I look."}) + "\n" for q in questions))
    assert not finetune(settings(folder, *changes), out, until=1)
    file.write_text(file.read_text().replace("look", "see"))
    with pytest.raises(RunChanged, match="other examples"):
        finetune(settings(folder, *changes), out)


def test_adapters_are_merged_at_the_end(folder: Path, tmp_path: Path) -> None:
    how = settings(folder, "sft.peft_rank=2", "sft.steps=2", "audit.every=1")
    assert not finetune(how, tmp_path / "a", until=1)
    assert finetune(how, tmp_path / "a")
    trained, before = weights(tmp_path / "a"), load_file(folder / "model.safetensors")
    assert trained.keys() == before.keys()
    assert not same(trained, before)
    values = {
        (r["step"], r["measure"]): r["value"]
        for r in DynamicsTable(tmp_path / "a").read()
        if r["condition"] == "base"
    }
    assert values[0, "kl_start"] == pytest.approx(0, abs=1e-9), "adapters are off for the start"
    assert values[2, "kl_start"] > 1e-9


def test_pebble_learns_its_examples_and_the_smoke_config_is_whole(tmp_path: Path) -> None:
    try:
        pebble.weights()
    except BadInput as missing:
        pytest.skip(str(missing))
    config = load_sft_config(SMOKE, ["sft.lr=1e-4"])
    assert finetune(config, tmp_path / "a")
    found = collect_examples(config, registry.load("scenes-easy", split="train", limit=64).items).examples
    nlls = []
    for path in (pebble.weights(), tmp_path / "a" / "model"):
        model, mine = TransformersBackend(str(path), device="cpu")._model, sheet(path)
        nlls.append([n for row in by_hand(model, mine.collate(found)) for n in row])
    assert sum(nlls[1]) < 0.95 * sum(nlls[0])


def test_thoughts_from_a_file(questions: tuple[Question, ...], tmp_path: Path) -> None:
    """JSON lines and Parquet say the same; the answer is the right letter where none is values."""
    q, other = questions[0], questions[1]
    wrong = next(o for k, o in enumerate(other.options) if k != other.gold)
    rows = [
        {"uid": q.uid, "thought": "I look.", "answer": None},
        {"uid": q.uid, "thought": "I look again.", "answer": q.options[q.gold]},
        {"uid": other.uid, "thought": "I look.", "answer": wrong},
    ]
    lines, table = tmp_path / "t.jsonl", tmp_path / "t.parquet"
    lines.write_text("\n" + "\n".join(map(json.dumps, rows)) + "\n")
    pq.write_table(pa.Table.from_pylist(rows), table)
    for file in (lines, table):
        counts: Counter[str] = Counter()
        found = list(from_file(sft_config.ThoughtSettings(file=str(file)), questions, counts))
        assert [each.completion for each in found] == [
            f"<think>I look.</think><answer>({q.letters[q.gold]})</answer>",
            f"<think>I look again.</think><answer>{q.options[q.gold]}</answer>",
        ]
        assert +counts == Counter({"answered wrongly": 1})
    assert found[0].source == f"{table}, row 1"
    strict = sft_config.ThoughtSettings(file=str(lines), consistent=True)
    assert list(from_file(strict, questions, counts)) == [], "these conclude nothing"


def test_thoughts_from_truth_are_right_and_consistent(questions: tuple[Question, ...]) -> None:
    from unswayed.answers.parser import read
    from unswayed.judges import base, rules
    from unswayed.judges.base import Case
    from unswayed.training.rewards.score import well_formed

    for each in from_truth(questions, 0):
        found = read(each.completion, each.question.options)
        assert well_formed(each.completion)
        assert found.answer == each.question.gold
        assert found.thought is not None
        verdict = rules.judge_by_rules(Case(each.question, each.question.options, found.thought))
        assert base.consistent(verdict, found.answer) is True


def test_right_answers_of_a_run(own: Path, questions: tuple[Question, ...]) -> None:
    """What was said is learnt as it was asked; what was wrong, malformed or said before is not."""
    from unswayed.pipeline.audit import Run

    def found(**how: Any) -> Any:
        tables = {"thoughts": {"run": str(own), **how}}
        return collect_examples(configs.build(SftConfig, tables), questions)

    rows = [row for row in Run.load(own).trials.to_pylist() if row["condition"] == "wrong-think"]
    right = {row["uid"]: row for row in rows if row["correct"]}
    both = found(conditions=["base", "wrong-think"]).examples
    assert len([each for each in both if each.condition == "base"]) == 16, "an oracle is right"
    begun = {each.question.uid: each for each in both if each.condition == "wrong-think"}
    assert begun.keys() == right.keys()
    for uid, each in begun.items():
        prompt = each.row(()).prompt
        assert (prompt.text, prompt.prefill) == (right[uid]["prompt"], right[uid]["prefill"])
        assert each.completion == right[uid]["text"]
    strict = found(conditions=["base", "wrong-think"], consistent=True).examples
    consistent = {uid for uid, row in right.items() if row["consistent"]}
    assert {e.question.uid for e in strict if e.condition == "wrong-think"} == consistent
    at_once = found(conditions=["stop-think"], consistent=True).examples
    assert len(at_once) == 16, "where the thought is closed before there is none to look at"


def test_a_share_is_answered_at_once(questions: tuple[Question, ...]) -> None:
    def found(share: float, seed: int = 0) -> list[Example]:
        tables = {"seed": seed, "thoughts": {"scenes": True, "direct": share}}
        return list(collect_examples(configs.build(SftConfig, tables), questions).examples)

    thought, all_at_once = found(0.0), found(1.0)
    assert {each.condition for each in thought} == {"base"}
    for slow, fast in zip(thought, all_at_once, strict=True):
        prompt = fast.row(()).prompt
        assert prompt.prefill == conditions.STOP_THINK
        assert fast.completion == slow.completion.partition("</think>")[2]
    some = found(0.5)
    assert 0 < sum(each.condition == "stop-think" for each in some) < 16
    assert some == found(0.5) != found(0.5, seed=1)


BAD_LINES = [
    ("", "holds no thoughts"),
    ("\n\n", "holds no thoughts"),
    ("{", r"t.jsonl, line 1: is not valid JSON"),
    ("[1]", r"line 1: is not an object"),
    ('{"thought": "I look."}', r"line 1: uid is None"),
    ('{"uid": "UID"}', r"line 1: thought is None"),
    ('{"uid": "UID", "thought": "  "}', r"line 1: thought is"),
    ('\n{"uid": "UID", "thought": "so</think><answer>(A)</answer>"}', r"line 2: thought or .* a tag"),
    ('{"uid": "UID", "thought": "so < /THINK > it is"}', r"line 1: thought or answer holds a tag"),
    ('{"uid": "UID", "thought": "<answer>(A)"}', r"line 1: thought or answer holds a tag"),
    ('{"uid": "UID", "thought": "so", "answer": "(A)</answer>"}', r"line 1: thought or answer holds a tag"),
    ('{"uid": "UID", "thought": "...", "answer": "(A)"}', r"line 1: thought or answer .* or no word"),
    ('{"uid": "UID", "thought": "so", "answer": "(Z)"}', r"line 1: the answer '\(Z\)' is none of"),
    ('{"uid": "UID", "thought": "so", "answer": 3}', r"line 1: answer is 3"),
    ('{"uid": "x", "thought": "so"}\n{"uid": "UID", "thought": "so"}', r"1 of 2 .*'x', .*line 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "match"), BAD_LINES)
def test_a_file_that_is_wrong_is_named_with_its_line(
    text: str, match: str, folder: Path, questions: tuple[Question, ...], tmp_path: Path
) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(text.replace("UID", questions[0].uid))
    config = settings(folder, "thoughts.scenes=false", f"thoughts.file={file}")
    with pytest.raises(BadInput, match=match):
        finetune(config, tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is begun that cannot be run"


def test_sources_that_do_not_fit(
    folder: Path, own: Path, questions: tuple[Question, ...], tmp_path: Path
) -> None:
    def refused(match: str, *changes: str) -> None:
        with pytest.raises(BadInput, match=match):
            finetune(settings(folder, "thoughts.scenes=false", *changes), tmp_path / "out")

    file = tmp_path / "t.jsonl"
    file.write_text('{"uid": "x", "thought": "so"}\n')
    refused(
        r"none of the 16 questions .*1 about other questions",
        f"thoughts.file={file}",
        "thoughts.partial=true",
    )
    refused("cannot be read", f"thoughts.file={tmp_path / 'none.jsonl'}")
    refused("jsonl or .parquet", f"thoughts.file={tmp_path / 'none.csv'}")
    refused("no run's manifest|not a run's manifest", f"thoughts.run={tmp_path}")
    refused("only base, wrong-think", f"thoughts.run={own}", "thoughts.conditions=['base', 'blank-image']")
    refused(r"16 of its 16 questions .*scenes", f"thoughts.run={own}", "data.seed=5")
    refused(
        "are trained on",
        "thoughts.scenes=true",
        "audit.split=train",
        "audit.seed=0",
        "audit.benchmark=scenes-easy",
    )
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    refused("not a Parquet file", f"thoughts.file={tmp_path / 't.parquet'}")
    pq.write_table(pa.table({"uid": ["a"]}), tmp_path / "t.parquet")
    refused("no column 'thought'", f"thoughts.file={tmp_path / 't.parquet'}")
    refused("raise thoughts.longest", "thoughts.scenes=true", "thoughts.longest=2")


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ({}, r"no source of thoughts is set"),
        ({"grpo": {"lr": 1.0}}, r"did you mean 'sft.lr'"),
        ({"thoughts": {"fil": "a"}}, r"did you mean 'thoughts.file'"),
        ({"guard": {"reward": 0.1}}, r"unknown setting 'guard.reward'"),
        ({"thoughts": {"scenes": True, "direct": 2.0}}, r"a share is from 0 to 1"),
        ({"thoughts": {"scenes": True}, "sft": {"micro_batch": 3}}, r"must divide"),
        ({"thoughts": {"scenes": True}, "sft": {"epochs": 0.0}}, r"sft.epochs is 0"),
        ({"thoughts": {"scenes": True}, "sft": {"schedule": "up"}}, r"constant, linear, cosine"),
        ({"thoughts": {"scenes": True}, "guard": {"rise": 1.0}}, r"more than 1"),
        ({"thoughts": {"scenes": True}, "save": {"completions": True}}, r"writes rollouts"),
    ],
)
def test_wrong_settings_are_named(found: dict[str, Any], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        configs.build(SftConfig, found, source="my.toml")


def test_shipped_configs_and_fields_are_whole() -> None:
    for file in CONFIGS.glob("sft-*.toml"):
        config = load_sft_config(file)
        assert configs.build(SftConfig, configs.as_dict(config)) == config
    checked = set()
    for node in ast.parse(inspect.getsource(sft_config)).body:
        if isinstance(node, ast.ClassDef) and node.name.endswith("Settings"):
            checked.add(node.name)
            for item, below in zip(node.body[1:], [*node.body[2:], None], strict=True):
                if isinstance(item, ast.AnnAssign):
                    assert isinstance(below, ast.Expr), f"{node.name}.{ast.unparse(item.target)}"
    assert checked == {"ThoughtSettings", "SftSettings", "LossGuardSettings"}


def test_wrong_input_costs_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[sft]\nlrr = 1e-3\n")
    monkeypatch.setattr(sys, "argv", ["unswayed", "sft", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "did you mean 'sft.lr'" in " ".join(capsys.readouterr().err.split())


def test_a_loss_that_is_no_number_stops_the_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SftTrainer.compute_loss

    def broken(self: Any, *args: Any, **more: Any) -> Any:
        return real(self, *args, **more) * (math.nan if self.state.global_step == 3 else 1)

    monkeypatch.setattr(SftTrainer, "compute_loss", broken)
    with pytest.raises(Diverged, match=r"step 4: the loss is nan.*lower sft.lr"):
        finetune(settings(folder, "audit.every=0"), tmp_path / "a")
    assert last_checkpoint(tmp_path / "a" / "checkpoints") == tmp_path / "a" / "checkpoints" / "checkpoint-3"


def test_a_loss_that_rises_and_stays_up_is_told_from_a_bad_step() -> None:
    def ended(losses: list[float], patience: int = 3) -> int | None:
        alarm = LossRiseDetector(LossGuardSettings(patience=patience, rise=2.0))
        for step, loss in enumerate(losses, 1):
            if alarm.update(step, {"loss": loss}):
                return step
        return None

    assert ended([1.0] * 50) is None
    assert ended([1.0] * 3 + [3.0, 3.0, 1.0] * 9) is None, "no three in a row"
    assert ended([1.0] * 3 + [3.0] * 9) == 6
    assert ended([1.0] * 3 + [3.0] * 9, patience=0) is None
