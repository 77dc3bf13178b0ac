"""A server that is not ours: `transformers serve`, started on the loopback with the bundled model.

What is true of it is looked for, not expected: it begins a new turn after every conversation by way of the
model's own chat template. Pebble's leaves a last message of the assistant open, so a prefill is continued;
other templates close it, and the same server starts afresh behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import serving

if serving.lacking():
    missing = ", ".join(serving.lacking())
    pytest.skip(f"transformers serve needs {missing} (extra: dev)", allow_module_level=True)

import tiny_models
import unswayed
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.backends.transformers.backend import TransformersBackend
from unswayed.model_io import Capabilities, Sampling
from unswayed.pebble import weights
from unswayed.pipeline.audit import Run
from unswayed.retry import Retry

pytestmark = pytest.mark.slow

CONDITIONS = ["base", "stop-think", "wrong-caption", "wrong-think"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.transformers_serve(tmp_path_factory.mktemp("served")) as result:
        yield result


def _behind(url: str, folder: Path) -> OpenAIBackend:
    # A model is called by its folder. What this server fails at it fails at every time.
    return OpenAIBackend(str(folder), EndpointOptions([url], concurrency=2, retry=Retry(2, 0.01, 0.01)))


@pytest.fixture(scope="module")
def asked(url: str) -> dict[str, Any]:
    """Pebble behind the server and in this process, the same questions under the same conditions."""
    served, inside = _behind(url, weights()), TransformersBackend(str(weights()), device="cpu")
    questions = unswayed.load_questions("scenes", limit=10, seed=5)

    async def go() -> dict[str, Any]:
        result: dict[str, Any] = {"can": await served.capabilities(), "seen": served.facts["seen"]}
        for name, backend in (("served", served), ("inside", inside)):
            result[name] = await unswayed.audit(backend, questions, CONDITIONS, sampling=Sampling())
            await backend.close()
        return result

    return asyncio.run(go())


def _column(run: Run, name: str) -> list[Any]:
    return list(run.trials[name].to_pylist())


def test_the_probe_finds_what_it_can(asked: dict[str, Any]) -> None:
    can: Capabilities = asked["can"]
    assert (can.prefill, can.letters, can.images) == ("continues", "none", True), asked["seen"]
    assert can.closed, "pebble's template leaves a thought as it is"
    assert any("no log-probabilities" in note for note in asked["seen"])
    # It draws nothing unless the model's own settings say so: a temperature alone changes nothing.
    assert not can.seeded


def test_prompts_have_the_tokens_of_those_in_process(asked: dict[str, Any]) -> None:
    """Pictures, system text and prefill reach the model: nothing is lost, and no turn is closed."""
    for name in ("condition", "prompt", "prefill", "image_sha256", "prompt_tokens"):
        assert _column(asked["served"], name) == _column(asked["inside"], name), name
    assert all(_column(asked["served"], "image_sha256"))


def test_greedy_texts_are_those_in_process(asked: dict[str, Any]) -> None:
    ours, theirs = (_column(asked[name], "text") for name in ("inside", "served"))
    conditions = _column(asked["served"], "condition")
    assert len(theirs) == 10 * len(CONDITIONS)
    for name in CONDITIONS:
        assert len({text for text, options in zip(theirs, conditions, strict=True) if options == name}) > 1
    assert theirs == ours
    for name in ("state", "answer", "correct", "thought", "under_cue"):
        assert _column(asked["served"], name) == _column(asked["inside"], name), name


def test_missing_letters_are_reported(asked: dict[str, Any]) -> None:
    assert asked["served"].manifest["asks"]["letters"] is False
    assert set(_column(asked["served"], "letters")) == {None}
    assert None not in _column(asked["inside"], "letters")


def test_behind_a_template_that_closes_the_turn_it_starts_afresh(url: str, tmp_path: Path) -> None:
    """The prefill is then a finished turn and another one is begun, which the probe must see."""
    backend = _behind(url, tiny_models.llava(tmp_path / "tiny"))

    async def go() -> tuple[Capabilities, Run]:
        can = await backend.capabilities()
        questions = unswayed.load_questions("scenes", limit=1, seed=5)
        sampling = replace(Sampling(), max_tokens=4)
        run = await unswayed.audit(backend, questions, ["base", "wrong-think"], sampling=sampling)
        await backend.close()
        return can, run

    can, run = asyncio.run(go())
    assert (can.prefill, can.letters) == ("restarts", "none")
    states = dict(zip(_column(run, "condition"), _column(run, "state"), strict=True))
    assert states["wrong-think"] == "not-asked"
    assert states["base"] not in ("not-asked", "error")
