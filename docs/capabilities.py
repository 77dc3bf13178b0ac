"""Capabilities of every backend: probes them, stores the records, and writes the table made of them.

    python docs/capabilities.py write                 the table into capabilities.md, and into the README if
    it
                                                      has the same two comments
    python docs/capabilities.py probe                 probes everything that needs no other machine
    python docs/capabilities.py endpoint URL MODEL NAME     probes a server; NAME: its name in the table
    python docs/capabilities.py vllm MODEL NAME       probes a model in vLLM in this process

Only probed records are in `capabilities.json`; a stand-in for a server is named as one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
RECORDS, PAGE, README = HERE / "capabilities.json", HERE / "capabilities.md", HERE.parent / "README.md"
BEGIN, END = "<!-- table: docs/capabilities.py -->", "<!-- end of table -->"
FIELDS = ("prefill", "letters", "images", "seeded")
HEADS = ("backend", "asked of", "prefill", "letters", "pictures", "seeds")
_PREFILL = {
    "continues": "continued",
    "altered": "altered",
    "restarts": "starts afresh",
    "rejected": "refused",
}

sys.path.insert(0, str(HERE.parent / "tests" / "support"))


def read() -> list[dict[str, Any]]:
    """The records: `backend`, `of` (what was probed), and the values of `FIELDS`."""
    records: list[dict[str, Any]] = json.loads(RECORDS.read_text())
    return records


def table(records: list[dict[str, Any]]) -> str:
    """The matrix in Markdown."""
    rows = [HEADS, ("---",) * len(HEADS)]
    for record in records:
        values = (
            _PREFILL[record["prefill"]],
            record["letters"],
            "yes" if record["images"] else "no",
            "yes" if record["seeded"] else "no",
        )
        rows.append((f"`{record['backend']}`", record["of"], *values))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def within(page: str) -> str:
    """The table in a page. Raises `ValueError` where the page has none."""
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip() + "\n"


def filled(page: str, matrix: str) -> str:
    """The page with `matrix` in place of its table. Raises `ValueError` where it has none."""
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:begin]}\n{matrix}{page[end:]}"


def probed_fields(backend: Any) -> dict[str, Any]:
    """`FIELDS` as found by the backend's own probe."""

    async def run() -> dict[str, Any]:
        try:
            capabilities: dict[str, Any] = (await backend.capabilities()).as_dict()
            return capabilities
        finally:
            await backend.close()

    capabilities = asyncio.run(run())
    return {name: capabilities[name] for name in FIELDS}


def inside() -> Iterator[dict[str, Any]]:
    """Models in this process."""
    import transformers

    import tiny_asks
    from unswayed.backends import open_backend

    version = transformers.__version__
    yield {
        "backend": "pebble",
        "of": f"the bundled model, transformers {version}",
        **probed_fields(open_backend("pebble", device="cpu")),
    }
    with TemporaryDirectory() as root:
        for kind, make in tiny_asks.KINDS.items():
            backend = open_backend(str(make(Path(root) / kind)), device="cpu")
            of = f"a tiny random {kind} model, transformers {version}"
            yield {"backend": "PATH or ORG/NAME", "of": of, **probed_fields(backend)}


def planted() -> Iterator[dict[str, Any]]:
    """A respondent of known behaviour."""
    from unswayed.backends import open_backend

    yield {
        "backend": "scripted:NAME",
        "of": "a planted respondent",
        **probed_fields(open_backend("scripted:oracle")),
    }


def stand_ins() -> Iterator[dict[str, Any]]:
    """The tests' own chat server, with the behaviour of others."""
    from chat_models import HashModel
    from chat_server import ChatServer, ServerBehaviour

    plain = {"own": False, "flags": "refuse", "stop": "lost", "letters": "top"}
    for of, behaviour in {
        "vLLM's documented forms": ServerBehaviour(),
        "the same without token ids": ServerBehaviour(letters="top"),
        "OpenAI's forms": ServerBehaviour(**plain),
        "a server that refuses prefills and log-probabilities": ServerBehaviour(
            **{**plain, "last": "refuse", "letters": "refuse"}
        ),
    }.items():
        with ChatServer(HashModel(), behaviour) as server:
            values = probed_fields(_endpoint(server.url, ChatServer.MODEL))
        yield {"backend": "openai:MODEL", "of": f"stand-in of the tests: {of}", **values}


def served() -> Iterator[dict[str, Any]]:
    """A server that is not ours."""
    import transformers

    import serving
    import tiny_models
    from unswayed.pebble import weights

    with TemporaryDirectory() as root, serving.transformers_serve(Path(root)) as url:
        tiny = tiny_models.llava(Path(root) / "tiny")
        for of, folder in {
            "pebble, whose template leaves the assistant's last turn open": weights(),
            "a tiny model whose template closes it": tiny,
        }.items():
            name = f"`transformers serve` {transformers.__version__}, {of}"
            yield {"backend": "openai:MODEL", "of": name, **probed_fields(_endpoint(url, folder))}


def _endpoint(url: str, model: object) -> Any:
    from unswayed.backends.openai import EndpointOptions, OpenAIBackend
    from unswayed.retry import Retry

    return OpenAIBackend(str(model), EndpointOptions([url], concurrency=2, retry=Retry(2, 0.01, 0.01)))


def _store(new: list[dict[str, Any]]) -> None:
    """Replace records of the same name by `new` ones, or insert them after the last of their backend."""
    records = read() if RECORDS.exists() else []
    for record in new:
        name = (record["backend"], record["of"])
        at = [i for i, old in enumerate(records) if (old["backend"], old["of"]) == name]
        if at:
            records[at[0]] = record
        else:
            same = [i for i, old in enumerate(records) if old["backend"] == record["backend"]]
            records.insert(same[-1] + 1 if same else len(records), record)
    RECORDS.write_text(json.dumps(records, indent=1) + "\n")


def main(command: str = "", *arguments: str) -> None:
    if command == "probe" and not arguments:
        _store([*inside(), *served(), *stand_ins(), *planted()])
    elif command == "endpoint" and len(arguments) == 3:
        url, model, name = arguments
        _store([{"backend": "openai:MODEL", "of": name, **probed_fields(_endpoint(url, model))}])
    elif command == "vllm" and len(arguments) == 2:
        from unswayed.backends import open_backend

        backend = open_backend(f"vllm:{arguments[0]}")
        _store([{"backend": "vllm:MODEL", "of": arguments[1], **probed_fields(backend)}])
    elif command != "write":
        sys.exit(__doc__)
    for place in (PAGE, README):
        page = place.read_text("utf-8")
        if place == PAGE or BEGIN in page:
            place.write_text(filled(page, table(read())), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
