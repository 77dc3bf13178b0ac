"""What asking an endpoint costs: CPU of our process per generation, and peers on the same work.

    python bench/endpoint.py [--trials 1000 10000] [--peers 2000] [--letters] [--inspect-python PATH]

A server in a process of its own answers at once. 256 questions are open at a time, every request holds a
64 × 64 PNG (four conditions to a picture), every record is stored. Each figure is taken in a fresh
process. Targets: 1.5 ms of CPU a generation, flat in the number of trials; under 1 KB of memory a
trial. Peers that are not installed are left out (`pip install openai`). inspect_ai's pins replace packages of
other extras, so it is run by an interpreter of its own, one whose environment has inspect_ai, openai, numpy
and pillow.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import importlib.util
import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image as PILImage

OPEN = 256
INSPECT = "--as-inspect"
CONDITIONS = ["base", "wrong-caption", "correct-caption", "wrong-think"]
REPLY = (
    "<think>I look at the image and go through what there is to be seen in it, one thing after the "
    "other. It is red.</think><answer>(A) red</answer>"
)


class Instant(asyncio.Protocol):
    """Just enough of a chat server: reads a request, writes a reply."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            size = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            self.transport.write(_reply(head, body))


def _reply(head: bytes, body: bytes) -> bytes:
    if not head.startswith(b"post /v1/chat"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    text = (
        " 10, 11" if b'8, 9,"' in body else REPLY.removeprefix("<think>" if b"continue_final" in body else "")
    )
    choice["message"] = {"role": "assistant", "content": text}
    if b'"logprobs": true' in body:
        tokens = [*"ABCD", " A", " B", "x", "y"]
        tops = [{"token": t, "logprob": -2.1, "bytes": list(t.encode())} for t in tokens]
        choice["logprobs"] = {"content": [{**tops[0], "top_logprobs": tops}]}
    usage = {"prompt_tokens": len(body) // 8, "completion_tokens": 50, "total_tokens": len(body) // 8 + 50}
    reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    raw = json.dumps({**reply, "choices": [choice], "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(raw),
        raw,
    )


def serve(pipe: Any) -> None:
    async def go() -> None:
        server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(go())


def png(number: int) -> bytes:
    out = io.BytesIO()
    small = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    PILImage.fromarray(small).resize((64, 64), PILImage.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def ours(pipe: Any, url: str, trials: int, letters: bool) -> None:
    """An audit with a run folder."""
    from unswayed.backends.openai import EndpointOptions, OpenAIBackend
    from unswayed.pipeline.audit import audit
    from unswayed.question import Image, Question

    pictures = [png(i) for i in range(512)]  # made before the clock starts; each is checked and encoded anew

    def questions() -> Iterator[Question]:
        for i in range(trials // len(CONDITIONS)):
            image = Image(lambda i=i: pictures[i % 512] + i.to_bytes(8, "big"))  # type: ignore[misc]
            options = ("red", "green", "blue", "yellow")
            yield Question(f"q{i}", "bench", "Which colour is it?", options, i % 4, (image,))

    backend = OpenAIBackend("m", EndpointOptions([url], concurrency=OPEN))

    async def go(folder: str) -> None:
        await backend.capabilities()
        await audit(backend, questions(), CONDITIONS[:1], letters=letters)  # imports and first connections
        asked, before = backend.spend.requests, _memory()
        cpu, wall = time.process_time(), time.perf_counter()
        run = await audit(backend, questions(), CONDITIONS, letters=letters, store=folder)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        assert set(run.manifest["finished"]["states"]) == {"ok"}, run.manifest["finished"]
        n = run.manifest["finished"]["trials"]
        grown = (_memory() - before) * 1024 / n
        sent = (backend.spend.requests - asked) / n
        print(
            f"{cpu / n * 1e3:.3f} ms of CPU a trial of {sent:.1f} requests, {n / wall:,.0f} a second, "
            f"{grown:.2f} KB of memory a trial, peak {_memory():.0f} MB"
        )
        await backend.close()
        pipe.send(cpu / n)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go(folder + "/run"))


def _bodies(trials: int) -> Iterator[dict[str, Any]]:
    for i in range(trials // len(CONDITIONS)):
        url = "data:image/png;base64," + base64.b64encode(png(i % 512) + i.to_bytes(8, "big")).decode()
        for name in CONDITIONS:
            parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": f"{name}?"}]
            yield {
                "model": "m", "messages": [{"role": "user", "content": parts}], "temperature": 0,
                "max_tokens": 1024, "seed": i,
            }  # fmt: skip


async def _pump(pipe: Any, trials: int, ask: Any) -> None:
    """`ask` every body, `OPEN` at a time, and write every row."""
    bodies = list(_bodies(trials))
    todo, cpu, wall = iter(bodies), time.process_time(), time.perf_counter()
    with tempfile.TemporaryFile("w") as rows:

        async def worker() -> None:
            for body in todo:
                rows.write(json.dumps({"seed": body["seed"], "text": await ask(body)}) + "\n")

        await asyncio.gather(*(worker() for _ in range(OPEN)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{cpu / len(bodies) * 1e3:.3f} ms of CPU a request, {len(bodies) / wall:,.0f} a second")
    pipe.send(cpu / len(bodies))


def bare(pipe: Any, url: str, trials: int, letters: bool) -> None:
    """aiohttp and nothing else."""
    import aiohttp

    async def go() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def ask(body: dict[str, Any]) -> str:
                async with session.post(f"{url}/chat/completions", json=body) as reply:
                    return str((await reply.json())["choices"][0]["message"]["content"])

            await _pump(pipe, trials, ask)

    asyncio.run(go())


def client(pipe: Any, url: str, trials: int, letters: bool) -> None:
    """The `openai` package's asynchronous client."""
    import openai

    async def go() -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as api:

            async def ask(body: dict[str, Any]) -> str:
                return str((await api.chat.completions.create(**body)).choices[0].message.content)

            await _pump(pipe, trials, ask)

    asyncio.run(go())


def inspect_eval(pipe: Any, url: str, trials: int, letters: bool, python: str = "") -> None:
    """An evaluation of inspect_ai: its dataset, `generate`, a scorer, its log; run by another interpreter."""
    if not python:
        print("left out, no --inspect-python")
        return
    command = [python, __file__, INSPECT, url, str(trials)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"left out, {error}")
        return
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{found['cpu'] * 1e3:.3f} ms of CPU a sample, {found['rate']:,.0f} a second, "
        f"peak {found['memory']:.0f} MB, log {found['log']:.1f} KB a sample (inspect_ai {found['version']})"
    )
    pipe.send(found["cpu"])


def inspect_peer(url: str, trials: int) -> None:
    """The other side of `inspect_eval`: prints one line of JSON. Everything at inspect_ai's defaults."""
    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model
    from inspect_ai.scorer import accuracy, pattern
    from inspect_ai.solver import generate

    def samples(n: int) -> MemoryDataset:
        found = []
        for body in _bodies(n):
            picture, text = body["messages"][0]["content"]
            parts = [ContentImage(image=picture["image_url"]["url"]), ContentText(text=text["text"])]
            found.append(Sample(input=[ChatMessageUser(content=parts)], target="A"))
        return MemoryDataset(found)

    model = get_model(
        "openai-api/bench/m",
        base_url=url,
        api_key="none",
        config=GenerateConfig(temperature=0, max_tokens=1024, max_connections=OPEN),
    )
    scorer = pattern(r"<answer>\(([A-D])\)")
    with tempfile.TemporaryDirectory() as folder:

        def run(n: int) -> Any:
            task = inspect_ai.Task(dataset=samples(n), solver=generate(), scorer=scorer, metrics=[accuracy()])
            (log,) = inspect_ai.eval(task, model=model, log_dir=folder, max_samples=OPEN, display="none")
            assert log.status == "success", log.error
            return log

        run(2 * len(CONDITIONS))  # imports and first connections
        cpu, wall = time.process_time(), time.perf_counter()
        log = run(trials)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        n = log.results.completed_samples
        size = os.path.getsize(log.location.removeprefix("file://"))
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    told = {"cpu": cpu / n, "rate": n / wall, "memory": _memory(), "log": size / n / 1024}
    print(json.dumps({**told, "version": inspect_ai.__version__}))


def _memory() -> float:
    """Peak resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    known.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000])
    known.add_argument("--peers", type=int, default=2000, help="requests of each peer; 0: none")
    known.add_argument(
        "--letters", action="store_true", help="letter probabilities, too: two requests a trial"
    )
    known.add_argument("--inspect-python", default="", help="an interpreter that has inspect_ai and openai")
    args = known.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    work: list[tuple[str, Any, int]] = [(f"unswayed, {n:,} trials", ours, n) for n in args.trials]
    if args.peers:
        work.append(("bare aiohttp", bare, args.peers))
        if importlib.util.find_spec("openai"):
            work.append(("openai client", client, args.peers))
        else:
            print("openai client: not installed, left out")
        work.append(("inspect_ai", functools.partial(inspect_eval, python=args.inspect_python), args.peers))
    cost: dict[str, float] = {}
    for name, what, n in work:
        print(f"{name}: ", end="", flush=True)
        process = context.Process(target=what, args=(there, url, n, args.letters))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)
        if here.poll():
            cost[name] = here.recv()
    server.terminate()
    mine = min(cost[name] for name, what, _ in work if what is ours)
    for name, what, _ in work:
        if what is not ours and name in cost:
            print(f"{name}: {cost[name] / mine:.2f} times the CPU of ours, which also reads, judges and keys")


if __name__ == "__main__":
    if sys.argv[1:2] == [INSPECT]:
        inspect_peer(sys.argv[2], int(sys.argv[3]))
    else:
        main()
