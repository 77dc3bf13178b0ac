"""Tokens that stop strings save or cost at a chat server, by how the model writes.

    python bench/stop_strings.py [--n 400]

A planted model writes a text of 200 tokens that ends in its answer. A share of the texts has an answer tag
in the middle of the thought, where a server that knows plain strings cuts. After the answer the model
writes more, if it is not stopped. Counted are the generated tokens per trial (one character each here), cut
generations included:

* never sent: the text is cut here;
* sent: what `StopPolicy` does, which asks again for what was cut too early and stops sending where that is
  frequent.

Each text that comes out is checked to be the whole text up to the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from chat_models import HashModel, ServedText
from chat_server import ChatServer
from unswayed.backends.openai import EndpointOptions, OpenAIBackend
from unswayed.conditions import Prompt
from unswayed.model_io import Request, Sampling

LENGTH = 200
TAGGED = "<think>Maybe <answer>A</answer>? No."
CLOSED = "</think><answer>B</answer>"
SHARES, AFTER = (0.0, 0.02, 0.1, 0.5), (1, 50, 800)


class Writer(HashModel):
    """Writes LENGTH characters and `after` more; the texts of the first `tagged` questions have a tag
    inside."""

    def __init__(self, tagged: int, after: int) -> None:
        super().__init__()
        self.tagged, self.after = tagged, after
        self.tokens = 0

    def text(self, number: int) -> str:
        start = TAGGED if number < self.tagged else "<think>No."
        return start + "." * (LENGTH - len(start) - len(CLOSED)) + CLOSED

    async def generate(self, prompt: Prompt, sampling: Sampling, seed: int) -> ServedText:
        if not prompt.text.startswith("number "):
            return await super().generate(prompt, sampling, seed)
        whole = self.text(int(prompt.text.split()[1])) + "." * self.after
        ends = [(whole.find(s) + len(s), s) for s in sampling.stop if s in whole]
        cut, stopped = min(ends, default=(len(whole), None))
        self.tokens += cut
        return ServedText(whole[:cut], "stop", stopped, 100, cut)


async def ask(backend: OpenAIBackend, writer: Writer, n: int, send: bool) -> float:
    """Tokens per trial."""
    try:
        await backend.capabilities()
        if not send:
            backend._stops.early = n + 1  # the policy has given up
        order = [i * 7919 % n for i in range(n)]
        prompts = [Prompt("", f"number {i} ", "", (), ("a", "b")) for i in order]
        requests = [Request(prompt, Sampling()) for prompt in prompts]
        for i in range(0, n, 8):
            for number, generation in zip(
                order[i : i + 8], await backend.generate(requests[i : i + 8]), strict=True
            ):
                assert generation.text == writer.text(number)
        return writer.tokens / n
    finally:
        await backend.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=400)
    n = parser.parse_args().n
    print(
        "| texts with a tag in the thought | tokens after the answer | never sent | sent |\n|---|---|---|---|"
    )
    for share in SHARES:
        for after in AFTER:
            row = []
            for send in (False, True):
                writer = Writer(round(share * n), after)
                with ChatServer(writer) as server:
                    backend = OpenAIBackend(ChatServer.MODEL, EndpointOptions([server.url], concurrency=8))
                    row.append(asyncio.run(ask(backend, writer, n, send)))
            print(f"| {share:.0%} | {after} | {row[0]:.0f} | {row[1]:.0f} |")


if __name__ == "__main__":
    main()
