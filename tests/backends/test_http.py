"""A model behind an endpoint: requests on the wire, replies as they are read, and the probe."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_models import HashModel
from chat_server import ChatServer, ServerBehaviour
from synthetic import cues, questions
from unswayed.backends.openai import Budget, EndpointOptions, OpenAIBackend
from unswayed.conditions import STOP_THINK, Prompt
from unswayed.errors import BackendError, BadInput, RunChanged
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
    Sampling,
)
from unswayed.pipeline.audit import Run, audit
from unswayed.retry import Retry

QUICK = Retry(attempts=4, initial_pause=0.002, max_pause=0.01)
CHOICES = "What?\nSelect from the following choices:\n(A) red\n(B) green\n(C) blue"


def prompt(prefill: str = "", text: str = CHOICES, images: tuple[bytes, ...] = ()) -> Prompt:
    return Prompt("system", text, prefill, images, ("red", "green", "blue"))


def backend(*servers: ChatServer, **options: Any) -> OpenAIBackend:
    options = {"retry": QUICK, "patience": 5.0, "key_env": "UNSWAYED_TEST_KEY", "concurrency": 16, **options}
    return OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url for server in servers], **options))


def with_backend(made: OpenAIBackend, work: Any) -> Any:
    async def go() -> Any:
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(go())


def probed(behaviour: ServerBehaviour) -> tuple[Capabilities, OpenAIBackend]:
    with ChatServer(HashModel(), behaviour) as server:
        made = backend(server)
        return with_backend(made, lambda b: b.capabilities()), made


def generate(made: OpenAIBackend, *requests: Request) -> list[Generation]:
    result = with_backend(made, lambda b: b.generate(requests))
    assert isinstance(result, list)
    return result


def run(made: OpenAIBackend, n: int, conditions: list[str], **options: Any) -> Run:
    result = with_backend(made, lambda b: audit(b, questions(n), conditions, cues=cues, **options))
    assert isinstance(result, Run)
    return result


PLAIN = ("min_p", "repetition_penalty", "skip_special_tokens", "top_k")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (ServerBehaviour(), Capabilities("continues", "exact")),
        (ServerBehaviour(letters="top"), Capabilities("continues", "top-k")),
        (ServerBehaviour(letters="silent"), Capabilities("continues", "none")),
        (ServerBehaviour(letters="refuse"), Capabilities("continues", "none")),
        (ServerBehaviour(flags="ignore"), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="ignore", usage=False), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="refuse", last="continue"), Capabilities("continues", "exact")),
        (ServerBehaviour(flags="refuse", last="restart"), Capabilities("restarts", "none")),
        (ServerBehaviour(flags="refuse", last="refuse"), Capabilities("rejected", "none")),
        (
            ServerBehaviour(own=False, last="continue", flags="ignore"),
            Capabilities("continues", "top-k", refused=PLAIN),
        ),
        (ServerBehaviour(pictures="string"), Capabilities("continues", "exact")),
        (ServerBehaviour(pictures="refuse"), Capabilities("continues", "exact", images=False)),
        (ServerBehaviour(pictures="drop"), Capabilities("continues", "exact", images=False)),
        (ServerBehaviour(seeds=False), Capabilities("continues", "exact", seeded=False)),
        (ServerBehaviour(closed="drop"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="empty"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="refuse"), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(closed="refuse", usage=False), Capabilities("continues", "none", closed=False)),
        (ServerBehaviour(usage=False), Capabilities("continues", "exact")),
        (ServerBehaviour(system=False), Capabilities("continues", "exact")),
        (
            ServerBehaviour(limit="max_completion_tokens", own=False),
            Capabilities("continues", "top-k", refused=PLAIN),
        ),
    ],
)
def test_the_probe_finds_what_a_server_does(behaviour: ServerBehaviour, expected: Capabilities) -> None:
    result, made = probed(behaviour)
    assert result == replace(expected, turns=True)
    assert {note.split(":")[0] for note in made.facts["seen"]} >= {"prefill", "letters", "pictures"}


@pytest.mark.parametrize("stop", ["told", "kept", "lost", "ignored"])
@pytest.mark.parametrize("prefill", ["", "<think>It is", STOP_THINK])
def test_the_text_is_that_of_the_model_up_to_its_stop_string(stop: str, prefill: str) -> None:
    model = HashModel()
    with ChatServer(model, ServerBehaviour(stop=stop)) as server:
        (result,) = generate(backend(server), Request(prompt(prefill), Sampling()))
        sent = [
            body for body in server.bodies.values() if body.get("seed") == 0 and body["max_tokens"] == 1024
        ]
    assert result.text == model.behind(prompt(prefill))
    assert result.finish == "stop"
    assert result.prompt_tokens == model.count(prompt(prefill))
    assert ("stop" in sent[0]) == (stop in ("told", "kept"))


def test_a_server_that_fails_at_stop_strings_is_asked_three_times() -> None:
    """And so is one that fails where others list their models."""
    lists: list[str] = []

    async def fail(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        return web.json_response({"error": "no"}, status=500) if b'"stop"' in raw else await answer()

    class NoLists(ChatServer):
        async def _models(self, request: Any) -> Any:
            lists.append(request.path)
            raise RuntimeError("fails, and answers 500")

        _version = _models

    with NoLists(HashModel(), fault=fail) as server:
        made = backend(server, retry=Retry(attempts=8, initial_pause=0.002, max_pause=0.01))
        (result,) = generate(made, Request(prompt(), Sampling()))
        asked = [server.asked[name] for name, body in server.bodies.items() if "stop" in body]
    assert asked == [3]
    assert sorted(lists) == ["/v1/models", "/version"]
    assert "stop strings: refused (500: no); texts are cut here" in made.facts["seen"]
    assert result.text == HashModel().behind(prompt())


def test_a_text_cut_by_the_token_limit_has_finish_length() -> None:
    with ChatServer(HashModel()) as server:
        (result,) = generate(backend(server), Request(prompt(), Sampling(max_tokens=3)))
    assert (result.finish, result.text) == ("length", HashModel().behind(prompt())[:12])


def test_a_thought_that_a_reasoning_parser_took_out_is_put_back() -> None:
    model = HashModel()
    with ChatServer(model, ServerBehaviour(parser=True)) as server:
        made = backend(server)
        result = generate(made, Request(prompt(), Sampling()), Request(prompt("<think>It is"), Sampling()))
    assert [g.text for g in result] == [model.behind(prompt()), model.behind(prompt("<think>It is"))]


def test_a_prefill_reaches_the_wire_byte_for_byte_with_the_flags() -> None:
    odd = "<think>  “Wrong” \n thought\ttrailing  "
    with ChatServer(HashModel()) as server:
        generate(backend(server), Request(prompt(odd), Sampling(), 77))
        (body,) = [b for b in server.bodies.values() if b.get("seed") == 77]
    assert body["messages"][-1] == {"role": "assistant", "content": odd}
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert (body["temperature"], body["top_p"], body["repetition_penalty"], body["top_k"]) == (0, 1, 1, -1)
    assert body["messages"][0] == {"role": "system", "content": "system"}


def test_pictures_are_sent_unchanged_and_encoded_once() -> None:
    made = None
    with ChatServer(HashModel()) as server:
        made = backend(server)
        result = run(made, 5, ["base", "wrong-caption", "wrong-think", "correct-think"], letters=False)
        asked = [b for b in server.bodies.values() if b.get("max_tokens") == 1024]
    shas = {sha for (sha,) in result.trials["image_sha256"].to_pylist()}
    assert {part["image_url"] for b in asked for part in b["messages"][1]["content"][:-1]} == shas
    assert len(asked) == 20
    assert made._builder.images.encoded == 5 + 1, "five questions and the probe's"


def test_the_last_pictures_are_kept_up_to_a_size() -> None:
    from unswayed.backends.openai.requests import ImageUrlCache

    kept = ImageUrlCache(max_bytes=5000)
    some = [b"\x89PNG" + bytes([i]) * 1000 for i in range(4)]
    urls = [kept.url(data) for data in some]
    assert [json.loads(url).split(",")[1] for url in urls] == [base64.b64encode(d).decode() for d in some]
    assert kept.url(some[3]) is urls[3]
    assert kept.encoded == 4
    assert kept.url(some[0]) == urls[0]
    assert kept.encoded == 5


@pytest.mark.parametrize("letters", ["ids", "top"])
def test_letters_are_summed_over_spellings_and_brackets(letters: str) -> None:
    model = HashModel()
    asked = prompt("<think>So.</think><answer>")
    with ChatServer(model, ServerBehaviour(letters=letters)) as server:
        (result,) = with_backend(backend(server), lambda b: b.score_letters([asked]))
    assert isinstance(result, LetterScores)
    assert result.p == pytest.approx(model.letters(asked), abs=2e-4)
    assert result.outside == pytest.approx(1 - sum(model.letters(asked)), abs=2e-4)


def test_letters_beyond_the_likeliest_tokens_show_as_mass_outside() -> None:
    model = HashModel()
    asked = prompt("<think>So.</think><answer>")
    with ChatServer(model, ServerBehaviour(letters="top", most_top=5)) as server:
        made = backend(server)
        (result,) = with_backend(made, lambda b: b.score_letters([asked]))
    assert "letters: the 5 likeliest tokens" in made.facts["seen"]
    assert result.outside > 1 - sum(model.letters(asked)) + 1e-3
    assert all(p <= q + 1e-9 for p, q in zip(result.p, model.letters(asked), strict=True))


def test_an_audit_records_the_probe_and_asks_only_what_can_be_asked(tmp_path: Path) -> None:
    names = ["base", "wrong-think", "stop-think", "wrong-caption", "wrong-think-quoted"]
    with ChatServer(HashModel(), ServerBehaviour(flags="ignore", root="weights-7")) as server:
        result = run(backend(server), 4, names, store=tmp_path / "run")
    states = dict(
        zip(result.trials["condition"].to_pylist(), result.trials["state"].to_pylist(), strict=False)
    )
    assert states == {
        "base": "ok", "wrong-think": "not-asked", "stop-think": "not-asked", "wrong-caption": "ok",
        "wrong-think-quoted": "ok",
    }  # fmt: skip
    assert result.manifest["asks"]["capabilities"]["prefill"] == "restarts"
    assert result.manifest["asks"]["revision"] == "weights-7"
    assert result.manifest["sessions"][0]["endpoint"]["served"][0]["version"] == "0.0-test"
    quoted = [row for row in result.trials.to_pylist() if row["condition"] == "wrong-think-quoted"]
    assert all(row["cue_text"] in row["prompt"] and row["prefill"] == "" for row in quoted)
    assert all(row["under_cue"] is None and row["followed_cue"] is not None for row in quoted)


@pytest.mark.parametrize("closed", ["drop", "empty", "refuse"])
def test_a_template_that_drops_closed_thoughts_is_not_asked_to_stop_thinking(closed: str) -> None:
    with ChatServer(HashModel(), ServerBehaviour(closed=closed)) as server:
        result = run(backend(server), 2, ["base", "stop-think", "wrong-think"]).trials
    assert result["state"].to_pylist() == ["ok", "not-asked", "ok"] * 2
    assert "drops a closed thought" in result["error"][1].as_py()
    assert set(result["letters"].to_pylist()) == {None}, "they would be those of an answer without a thought"


@pytest.mark.parametrize("thought", [STOP_THINK, STOP_THINK.removesuffix("</think>")])
def test_a_tokenizer_with_few_tokens_for_the_closed_thought_is_asked_to_stop_thinking(thought: str) -> None:
    class Terse(HashModel):
        def count(self, prompt: Prompt) -> int:
            shorter = prompt.prefill.replace(thought, "ab").replace("<think>", "a").replace("</think>", "b")
            return super().count(replace(prompt, prefill=shorter))

    with ChatServer(Terse()) as server:
        made = backend(server)
        result = run(made, 2, ["stop-think"]).trials
    assert not any("closed thoughts" in note for note in made.facts["seen"])
    assert result["state"].to_pylist() == ["ok"] * 2
    assert None not in result["letters"].to_pylist()


@pytest.mark.parametrize(("status", "where"), [(400, "base"), (422, "base"), (404, "base")])
def test_refusals_of_every_question_stop_the_run_with_the_servers_message(status: int, where: str) -> None:
    async def refuse(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("max_tokens") != 1024:
            return await answer()
        return web.json_response({"error": {"message": "Image has 3 channels too many"}}, status=status)

    with ChatServer(HashModel(), fault=refuse) as server:
        with pytest.raises(BackendError, match=f"{status}: Image has 3 channels too many"):
            run(backend(server, concurrency=4), 200, [where], letters=False)
        asked = [server.asked[k] for k, b in server.bodies.items() if b.get("max_tokens") == 1024]
    assert 8 <= len(asked) <= 8 + 4
    assert set(asked) == {1}, "what is refused is not asked again"


def test_one_refused_question_is_an_error_of_its_own() -> None:
    async def refuse(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("seed") in bad:
            return web.Response(text="<html>no\x1b[31m</html>", status=413, content_type="text/html")
        return await answer()

    from unswayed.trial_keys import trial_seed

    bad = {trial_seed(0, q, "base", 0) for q in questions(30)[:9]}
    with ChatServer(HashModel(), fault=refuse) as server:
        result = run(backend(server, concurrency=1), 30, ["wrong-caption", "base"], letters=False).trials
    rows = [row for row in result.to_pylist() if row["state"] == "error"]
    assert [row["uid"] for row in rows] == [f"u{i}" for i in range(9)]
    assert {row["error"] for row in rows} == {"413: Request Entity Too Large"}
    assert {row["attempts"] for row in rows} == {1}


def test_a_wrong_name_or_address_is_one_error_with_the_remedy() -> None:
    with ChatServer(HashModel()) as server:
        named = OpenAIBackend("other", EndpointOptions([server.url]))
        with pytest.raises(BackendError, match=r"404: The model `other` does not exist.*under this name"):
            with_backend(named, lambda b: b.capabilities())
        placed = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url.removesuffix("/v1")]))
        with pytest.raises(BackendError, match=r"asked: 404: Not Found; .*ends in /v1"):
            with_backend(placed, lambda b: b.capabilities())
        assert sum(server.asked.values()) == 1


def test_a_wrong_key_stops_at_once_and_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSWAYED_TEST_KEY", "sk-wrong-4711-abcdefgh")
    with ChatServer(HashModel(), ServerBehaviour(key="sk-right")) as server:
        with pytest.raises(BackendError) as caught:
            run(backend(server), 3, ["base"], store=tmp_path / "run")
        assert sum(server.asked.values()) == 1
    assert "401: Incorrect API key provided" in str(caught.value)
    assert "--key-env" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert "sk-wro" not in str(caught.value)


def test_the_key_is_sent_and_kept_out_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "abcdef-0123456789-secret"
    monkeypatch.setenv("UNSWAYED_TEST_KEY", key)

    class Parrot(HashModel):
        def behind(self, prompt: Prompt, draw: str = "") -> str:
            return f"<think>The key is {key}.</think><answer>(A) red</answer>"

    async def leak(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if json.loads(raw).get("seed") in bad:
            return web.json_response({"detail": f"you sent Bearer {key}"}, status=400, reason=key)
        return await answer()

    from unswayed.trial_keys import trial_seed

    bad = {trial_seed(0, q, "base", 0) for q in questions(2)[1:]}
    with ChatServer(Parrot(), ServerBehaviour(key=key), fault=leak) as server:
        made = backend(server)
        result = run(made, 2, ["base"], store=tmp_path / "run")
        assert all(headers["Authorization"] == f"Bearer {key}" for headers in server.headers)
    assert result.trials["state"].to_pylist() == ["ok", "error"]
    assert "you sent [key]" in result.trials["error"][1].as_py()
    for file in (tmp_path / "run").rglob("*"):
        assert file.is_dir() or key.encode() not in file.read_bytes(), file
    assert key not in repr(made.__dict__)


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host/v1", "http://user:pw@host/v1", "http://host/v1?key=x", ""]
)
def test_addresses_that_are_none_or_carry_secrets_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="--base-url") as caught:
        OpenAIBackend("m", EndpointOptions([url]))
    assert "pw" not in str(caught.value)
    assert "key=x" not in str(caught.value)


def test_a_budget_stops_the_run_and_the_next_run_continues(tmp_path: Path) -> None:
    with ChatServer(HashModel()) as server:
        whole = run(backend(server), 12, ["base", "wrong-caption"])
        probe = with_backend(made := backend(server), lambda b: b.capabilities()) and made.spend.requests
        before = sum(server.asked.values())
        first = backend(server, budget=Budget(requests=probe + 20), concurrency=3)
        with pytest.raises(BackendError, match=r"budget of .* requests is spent.*same command continues"):
            run(first, 12, ["base", "wrong-caption"], store=tmp_path / "run")
        assert sum(server.asked.values()) - before == first.spend.requests <= probe + 20 + 2 * 3 + 2 * 3
        kept = Run.load(tmp_path / "run").trials
        assert 5 <= len(kept) < 24
        assert set(kept["state"].to_pylist()) == {"ok"}
        second = backend(server, budget=Budget(tokens=1_000_000), concurrency=3)
        result = run(second, 12, ["base", "wrong-caption"], store=tmp_path / "run")
    same = ["uid", "condition", "state", "text", "answer", "letters", "key"]
    assert result.trials.select(same).equals(whole.trials.select(same))
    assert second.spend.prompt_tokens > 0
    with ChatServer(HashModel()) as server, pytest.raises(BackendError, match="budget of 500 tokens"):
        run(backend(server, budget=Budget(tokens=500)), 12, ["base"])


def test_replicas_of_other_weights_are_refused() -> None:
    with (
        ChatServer(HashModel(), ServerBehaviour(root="a")) as one,
        ChatServer(HashModel(), ServerBehaviour(root="b")) as two,
        pytest.raises(BadInput, match="different weights"),
    ):
        with_backend(backend(one, two), lambda b: b.capabilities())


def test_a_question_stays_on_one_replica_and_all_have_their_share() -> None:
    names = ["base", "wrong-caption", "wrong-think", "correct-caption"]
    with ChatServer(HashModel()) as one, ChatServer(HashModel()) as two, ChatServer(HashModel()) as three:
        run(backend(one, two, three), 60, names)
        observed: list[set[str]] = []
        for server in (one, two, three):
            bodies = [b for b in server.bodies.values() if b["seed" if "seed" in b else "model"] != 0]
            pictures = [b["messages"][1]["content"] for b in bodies if b["messages"][0]["role"] == "system"]
            observed.append({c[0]["image_url"] for c in pictures if isinstance(c, list) and len(c) == 2})
    shared = (observed[0] & observed[1]) | (observed[0] & observed[2]) | (observed[1] & observed[2])
    assert len(shared) <= 1, "only the probe's picture may be on two"
    assert sum(map(len, observed)) >= 60
    assert min(map(len, observed)) >= 10


def test_no_more_than_asked_for_are_open_at_once() -> None:
    with ChatServer(HashModel()) as server:
        run(backend(server, concurrency=3), 20, ["base", "wrong-think"])
        assert server.most_open <= 16  # the probe's tokenizations are not counted; its questions come singly
        assert server.most_open <= 3


def test_a_server_that_never_listened_ends_the_run_soon() -> None:
    made = OpenAIBackend("m", EndpointOptions(["http://127.0.0.1:9/v1"], retry=QUICK, patience=0.05))
    with pytest.raises(BackendError, match=r"127.0.0.1:9/v1: cannot connect.*start or check the server"):
        with_backend(made, lambda b: b.capabilities())


def test_a_change_in_honouring_seeds_does_not_block_resuming(tmp_path: Path) -> None:
    folder, names = tmp_path / "run", ["base", "wrong-think"]
    with ChatServer(HashModel(), ServerBehaviour(seeds=False)) as server:
        run(backend(server), 3, names, store=folder)
    with ChatServer(HashModel()) as server:
        with pytest.warns(
            UserWarning, match="did not honour seeds when the run was begun, and honours them now"
        ):
            result = run(backend(server), 5, names, store=folder)
        asked = [b for b in server.bodies.values() if b.get("max_tokens") == 1024]
    assert result.trials["state"].to_pylist() == ["ok"] * 10
    assert len(asked) == 4, "what was stored is not asked again"
    # What decides a question still blocks; stop strings decide none, for the text is cut at one place.
    with ChatServer(HashModel(), ServerBehaviour(stop="lost", seeds=False)) as server:
        assert len(run(backend(server), 5, names, store=folder).trials) == 10
    with (
        ChatServer(HashModel(), ServerBehaviour(pictures="refuse")) as server,
        pytest.raises(RunChanged, match=r"capabilities.images: true then, false now"),
    ):
        run(backend(server), 5, names, store=folder)


def left_open(work: Callable[[], Any]) -> list[str]:
    """What aiohttp complains of as never closed after `work`, whatever becomes of it."""
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with contextlib.suppress(BackendError, BadInput, RunChanged, asyncio.CancelledError):
            work()
        gc.collect()
    return [str(w.message) for w in said if "Unclosed" in str(w.message)]


def test_no_session_is_left_open_however_a_command_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    def audits(*more: str) -> Callable[[], Any]:
        line = ["audit", f"openai:{ChatServer.MODEL}", "--base-url", server.url, "--limit", "6", "-c", "base"]

        def work() -> None:
            done = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "run"), *more])
            if done.exception is not None:
                raise done.exception

        return work

    with ChatServer(HashModel(), ServerBehaviour(key="sk-right")) as server:
        assert left_open(audits()) == [], "a wrong key"
    with ChatServer(HashModel()) as server:
        assert left_open(audits("--max-requests", "25")) == [], "a budget that is spent"
        assert left_open(audits()) == [], "all went well"
        assert left_open(audits("--seed", "5")) == [], "another run stands in the folder"
        made = backend(server)
        twice = [
            lambda: asyncio.run(made.capabilities()),
            lambda: with_backend(made, lambda b: b.generate([])),
        ]
        assert left_open(lambda: [work() for work in twice]) == [], "a loop that ended without closing"

        async def interrupted() -> None:
            work = asyncio.create_task(audit(cancelled, questions(40), ["base"], cues=cues))
            try:
                await asyncio.sleep(0.2)
                work.cancel()
                await work
            finally:
                await cancelled.close()

        cancelled = backend(server)
        assert left_open(lambda: asyncio.run(interrupted())) == []


def test_a_question_keeps_its_encoded_picture_for_its_letters() -> None:
    with ChatServer(HashModel()) as server:
        made = backend(server, concurrency=128)
        run(made, 300, ["base"])
    assert made._builder.images.encoded == 300 + 1, "three hundred questions and the probe's"


def test_the_same_backend_serves_several_event_loops() -> None:
    with ChatServer(HashModel()) as server:
        made = backend(server)
        first = generate(made, Request(prompt(), Sampling()))
        second = generate(made, Request(prompt(), Sampling()))
    assert [replace(g, seconds=None) for g in first] == [replace(g, seconds=None) for g in second]


def test_the_command_prints_probe_and_spend(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    out = tmp_path / "run"
    with ChatServer(HashModel(), ServerBehaviour(flags="ignore")) as server:
        names = "base,wrong-think,wrong-think-quoted"
        line = ["audit", f"openai:{ChatServer.MODEL}", "--base-url", server.url, "--limit", "6", "-c", names]
        done = CliRunner().invoke(app, [*line, "--out", str(out)])
        again = CliRunner().invoke(app, [*line, "--out", str(out), "--max-requests", "3"])
    assert done.exit_code == 0, done.output
    assert "prefill: no sign that it is continued" in done.output
    assert "requests (0 of them repeated)" in done.output
    assert "not asked" in done.output
    result = Run.load(out)
    assert result.manifest["asks"]["model"] == "model"
    assert sorted(result.trials["state"].to_pylist()) == ["not-asked"] * 6 + ["ok"] * 12
    assert isinstance(again.exception, BackendError)
    assert "the budget of 3 requests is spent" in str(again.exception)


def test_an_address_belongs_to_a_model_behind_an_endpoint() -> None:
    from typer.testing import CliRunner

    from unswayed.cli import app

    done = CliRunner().invoke(app, ["audit", "pebble", "--base-url", "http://127.0.0.1:9/v1"])
    assert isinstance(done.exception, BadInput)
    assert "did you mean openai:pebble?" in str(done.exception)


def test_messages_of_a_server_are_clipped_to_one_line() -> None:
    from unswayed.backends.openai.credentials import ApiKey
    from unswayed.backends.openai.transport import error_message, retry_after

    said = ApiKey("UNSWAYED_TEST_KEY").redact("no\n\x1b[2Jway " + "x" * 1000 + " sk-abcdefghijk")
    assert said.startswith("no [2Jway xxx")
    assert len(said) <= 301
    assert ApiKey("UNSWAYED_TEST_KEY").redact("use sk-abcdefghijklmnop or Bearer abc") == "use [key] or [key]"
    assert error_message(b'{"error": {"message": "m", "code": 1}}') == "m"
    assert error_message(b'{"detail": [{"msg": "x"}]}') == '[{"msg": "x"}]'
    assert error_message(b"<html>long page</html>") == ""
    assert error_message(b"plain") == "plain"
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412470.0) == 10
    assert retry_after("soon") == retry_after("-3") == retry_after("nan") == retry_after("") == 0
