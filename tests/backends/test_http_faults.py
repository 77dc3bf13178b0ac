"""Under any fault, every trial ends in its right state; none is lost, none is asked too often."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from chat_faults import HUGE, KINDS, Faults, strike
from chat_models import HashModel
from chat_server import ChatServer
from http_asking import with_backend
from places import SUPPORT
from synthetic import cues, question, questions, stream
from unswayed import trial_keys
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.backends.openai.transport import Transport, TransportFailure
from unswayed.errors import BackendError
from unswayed.pipeline.audit import Run, audit
from unswayed.retry import Retry

N = 200
CONDITIONS = ["base", "wrong-think", "wrong-caption", "stop-think"]
RETRY = Retry(attempts=8, initial_pause=0.004, max_pause=0.05)
SAME = ["uid", "condition", "state", "text", "answer", "letters", "consistent", "key"]


def asked_of(server: ChatServer) -> list[int]:
    """How often each request of the run came; the probe asks some of its own more than once."""
    return [n for name, n in server.asked.items() if server.bodies[name]["max_tokens"] == 1024]


def backend(*servers: ChatServer, **options: Any) -> OpenAIBackend:
    options = {
        "retry": RETRY,
        "timeout": 0.3,
        "patience": 30.0,
        "concurrency": 64,
        "max_reply_bytes": HUGE // 2,
        **options,
    }
    return OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url for server in servers], **options))


def run(made: OpenAIBackend, n: int, **options: Any) -> Run:
    async def go() -> Run:
        try:
            return await audit(made, stream(n), options.pop("conditions", CONDITIONS), cues=cues, **options)
        finally:
            await made.close()

    return asyncio.run(go())


def seeds(numbers: Any, condition: str) -> set[int]:
    return {trial_keys.trial_seed(0, question(i), condition, 0) for i in numbers}


@pytest.fixture(scope="module")
def undisturbed() -> Any:
    """Trials of `N` questions, asked of a server that never fails."""
    with ChatServer(HashModel(bracket=0)) as server:
        return run(backend(server), N).trials


def test_a_fifth_of_all_replies_fail_and_every_trial_ends_in_its_right_state(
    undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, seed = N, 41
    print(f"seed {seed}")
    hopeless, refused = seeds(range(0, n, 50), "base"), seeds(range(7, n, 100), "wrong-caption")

    def always(body: dict[str, Any]) -> str | None:
        sent = body.get("seed")
        return "500" if sent in hopeless else "422" if sent in refused else None

    outcomes: dict[str, Any] = {}
    post = Transport.post

    async def noted(self: Transport, url: str, body: bytes, name: str = "") -> Any:
        outcomes[name] = await post(self, url, body, name)
        return outcomes[name]

    monkeypatch.setattr(Transport, "post", noted)
    faults = Faults(0.2, seed, always=always)
    with ChatServer(HashModel(bracket=0), fault=faults) as server:
        made = backend(server)
        result = run(made, n).trials.to_pylist()
        asked, bodies, came = server.asked, server.bodies, server.came
    whole = undisturbed.to_pylist()
    assert set(faults.struck) >= set(KINDS), "every kind of fault was met"
    assert len(result) == len(whole) == 4 * n
    wrong = 0
    for got, meant in zip(result, whole, strict=True):
        sent = trial_keys.trial_seed(0, question(int(got["uid"][1:])), got["condition"], 0)
        if sent in hopeless or sent in refused:
            wrong += 1
            assert got["state"] == "error"
            assert sent in refused or got["attempts"] == RETRY.attempts
            # On a busy machine the last reply may come too late to be read; the row then says that.
            late = sent in hopeless and got["error"].startswith("no whole reply within")
            status = 500 if sent in hopeless else 422
            assert late or got["error"] == f"{status}: planted {status}"
        else:
            assert {k: got[k] for k in SAME} == {k: meant[k] for k in SAME}
            assert got["state"] == "ok"
            assert got["error"] is None
    assert wrong == len(hopeless) + len(refused)
    assert max(asked.values()) <= RETRY.attempts
    # Every request had a name of its own: which question, and which attempt. So the books must balance.
    observed: dict[str, list[int]] = {}
    by_seed: dict[int, str] = {}
    for sent_as, body in came:
        q, _, attempt = sent_as.rpartition("-")
        observed.setdefault(q, []).append(int(attempt))
        if bodies[body].get("max_tokens") == 1024:
            assert by_seed.setdefault(bodies[body]["seed"], q) == q, "one trial is one question"
    assert all(len(set(numbers)) == len(numbers) for numbers in observed.values()), "no attempt is sent twice"
    for r in result:
        sent = trial_keys.trial_seed(0, question(int(r["uid"][1:])), r["condition"], 0)
        assert max(observed[by_seed[sent]]) == r["attempts"], "the last attempt is the one that counts"
    ended, denied = ({by_seed[sent] for sent in some} for some in (hopeless | refused, refused))
    # What was sent into a connection that just broke counts as an attempt, though the server never saw it.
    attempts = sum(map(max, observed.values()))
    assert made.spend.requests == attempts
    assert made.spend.repeated == attempts - len(observed)
    # Only what failed was repeated: it met a fault, was never seen, or came too late, by our own clock.
    for q, numbers in observed.items():
        last = max(numbers)
        assert (f"{q}-{last}" in faults.named) == (q in ended), (
            "a fault is the end of what cannot be answered"
        )
        for number in set(numbers) - {last}:
            name = f"{q}-{number}"
            trouble = outcomes[name]
            late = isinstance(trouble, TransportFailure) and trouble.kind == "slow"
            assert late or (name in faults.named and q not in denied), "a refusal in time is the last"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_is_met_and_passes(kind: str) -> None:
    async def first(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if nth == 1 and b'"max_tokens": 1024' in raw:
            return await strike(kind, request, answer)
        return await answer()

    with ChatServer(HashModel(), fault=first) as server:
        result = run(backend(server, timeout=0.2), 2, conditions=["base"], letters=False).trials
    assert result["state"].to_pylist() == ["ok", "ok"]
    assert result["attempts"].to_pylist() == [2, 2]


def test_the_probe_comes_through_faults_too() -> None:
    seed = 5
    print(f"seed {seed}")
    kinds = tuple(k for k in KINDS if k not in ("stall", "drip"))
    with ChatServer(HashModel(), fault=Faults(0.3, seed, kinds=kinds, spare=False)) as server:
        made = backend(server)
        result = with_backend(made, lambda b: b.capabilities())
    assert (result.prefill, result.letters, result.images, result.seeded) == (
        "continues",
        "exact",
        True,
        True,
    )


def test_concurrency_is_reduced_in_a_storm_of_429() -> None:
    """The server takes four at a time and refuses the rest."""
    room = 4

    async def crowded(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        if server.open > room:
            return await strike("429", request, answer)
        await asyncio.sleep(0.002)
        return await answer()

    with ChatServer(HashModel(), fault=crowded) as server:
        made = backend(server, retry=Retry(attempts=12, initial_pause=0.01, max_pause=0.2))
        result = run(made, 60, conditions=["base", "wrong-think"], letters=False).trials
    assert set(result["state"].to_pylist()) == {"ok"}
    assert made.spend.repeated < made.spend.requests / 2
    (replica,) = made._pool.all
    # Halved at least once, then at most 1 / 32 more for each of 120 replies.
    assert replica.threshold <= 32
    assert replica.limit <= 32 + 120 / 32


def test_retry_after_is_honoured() -> None:
    came: dict[bytes, list[float]] = {}

    async def later(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if b'"max_tokens": 1024' in raw:
            came.setdefault(raw, []).append(time.monotonic())
            if nth == 1:
                return web.Response(status=429, headers={"Retry-After": "0.3"}, text="slow down")
        return await answer()

    with ChatServer(HashModel(), fault=later) as server:
        result = run(backend(server, concurrency=1), 1, conditions=["base"], letters=False).trials
    ((first, second),) = came.values()
    assert second - first >= 0.3
    assert result["attempts"].to_pylist() == [2]


def test_a_pause_that_is_too_long_stops_the_run_resumably() -> None:
    async def tomorrow(request: Any, raw: bytes, nth: int, answer: Any) -> Any:
        from aiohttp import web

        if b'"max_tokens": 1024' in raw:
            return web.Response(status=429, headers={"Retry-After": "86400"}, text="quota")
        return await answer()

    with (
        ChatServer(HashModel(), fault=tomorrow) as server,
        pytest.raises(BackendError, match=r"86,400 s.*quota"),
    ):
        run(backend(server), 20, conditions=["base"])


def test_a_server_that_goes_away_for_a_while_costs_time_and_no_trial() -> None:
    with ChatServer(HashModel()) as server:

        def note(done: int, total: int | None, words: str) -> None:
            if done >= 40 and not gone:
                gone.append(time.monotonic())
                server.stop()
                threading.Timer(0.6, server.start).start()

        gone: list[float] = []
        result = run(backend(server), 80, progress=note, letters=False).trials
        assert gone
        assert set(result["state"].to_pylist()) == {"ok"}
        assert len(result) == 320
        assert max(asked_of(server)) <= 2, "only what was open when it went was asked again"
    with ChatServer(HashModel()) as server:
        made = backend(server, patience=0.3)

        def end(done: int, total: int | None, words: str) -> None:
            if done == 40:
                server.stop()

        with pytest.raises(BackendError, match=r"cannot connect.*start or check the server"):
            run(made, 80, progress=end, letters=False)


@pytest.mark.slow
def test_a_server_that_refuses_connections_for_seconds_costs_no_trial() -> None:
    with ChatServer(HashModel()) as server:

        def note(done: int, total: int | None, words: str) -> None:
            if done >= 40 and not gone:
                gone.append(True)
                server.stop()
                threading.Timer(4.0, server.start).start()

        gone: list[bool] = []
        result = run(backend(server), 40, progress=note, letters=False).trials
        assert gone
        assert result["state"].to_pylist() == ["ok"] * 160
        assert max(asked_of(server)) <= 2


def test_one_of_three_replicas_is_killed_and_comes_back() -> None:
    with ChatServer(HashModel()) as one, ChatServer(HashModel()) as two, ChatServer(HashModel()) as three:
        at_death: list[int] = []
        at_return: list[int] = []

        def note(done: int, total: int | None, words: str) -> None:
            if done >= 100 and not at_death:
                at_death.append(sum(two.asked.values()))
                two.stop()
            if done >= 300 and not at_return:
                at_return.append(sum(two.asked.values()))
                two.start()

        result = run(backend(one, two, three), 300, progress=note, letters=False).trials
        assert set(result["state"].to_pylist()) == {"ok"}
        assert len(result) == 1200
        assert sum(two.asked.values()) > at_return[0] + 50, "it was taken back"
        together = one.asked + two.asked + three.asked
        assert max(together.values()) <= 3


CHILD = """
import asyncio, sys
from synthetic import cues, stream
from unswayed.pipeline.audit import audit
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.retry import Retry

url, folder, n, conditions = sys.argv[1:]
retry = Retry(attempts=8, initial_pause=0.004, max_pause=0.05)
options = EndpointOptions([url], retry=retry, timeout=0.3, concurrency=64, max_reply_bytes=100_000)
made = OpenAIBackend("tiny/model", options)
asyncio.run(audit(made, stream(int(n)), conditions.split(","), cues=cues, store=folder))
"""


@pytest.mark.slow
def test_a_run_killed_among_faults_resumes_and_asks_nothing_twice(tmp_path: Path, undisturbed: Any) -> None:
    n, seed = N // 2, 43
    print(f"seed {seed}")
    draw = random.Random(seed)
    paths = [str(SUPPORT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    folder = tmp_path / "run"
    with ChatServer(HashModel(bracket=0), fault=Faults(0.2, seed)) as server:
        by_uid = {q.uid: q for q in questions(n)}

        def stored() -> dict[int, int]:
            """Generations stored for good, by seed, and how often each was asked so far."""
            if not (folder / "manifest.json").exists():
                return {}
            rows = Run.load(folder).trials.select(["uid", "condition"]).to_pylist()
            kept = {trial_keys.trial_seed(0, by_uid[r["uid"]], r["condition"], 0) for r in rows}
            return {s: count for s, count in asked().items() if s in kept}

        def asked() -> Counter[int]:
            result: Counter[int] = Counter()
            for name, body in list(server.bodies.items()):
                if body.get("max_tokens") == 1024:
                    result[body["seed"]] += server.asked[name]
            return result

        what = [sys.executable, "-c", CHILD, server.url, str(folder), str(n), ",".join(CONDITIONS)]
        kept: dict[int, int] = {}
        for _ in range(2):
            child = subprocess.Popen(what, env=env)
            until = sum(server.asked.values()) + draw.randrange(400, 900)
            while sum(server.asked.values()) < until:
                assert child.poll() is None, "it ended before it was killed; make the run longer"
                time.sleep(0.002)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            time.sleep(0.05)
            now = asked()
            assert all(now[s] == count for s, count in kept.items()), "a stored trial was asked again"
            kept = stored()
            assert 0 < len(kept) < 4 * n
        result = run(backend(server), n, store=folder).trials
        now = asked()
        assert all(now[s] == count for s, count in kept.items()), "a stored trial was asked again"
    assert result.select(SAME).equals(undisturbed.slice(0, 4 * n).select(SAME))
