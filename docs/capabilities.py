"""What every backend was seen to do: probes it, keeps the records, and writes the table made of them.

    python docs/capabilities.py write                 the table into capabilities.md, and where the README has
                                                      a place for it (the same two comments), there, too
    python docs/capabilities.py probe                 everything that needs no other machine, anew
    python docs/capabilities.py endpoint URL MODEL NAME     a server, under the name it gets in the table
    python docs/capabilities.py vllm MODEL NAME       a model in vLLM in this process

Only what was probed is in `capabilities.json`; a stand-in for a server says that it is one.
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
_PREFILL = {"continues": "continued", "restarts": "starts afresh", "rejected": "refused"}

sys.path.insert(0, str(HERE.parent / "tests" / "support"))


def read() -> list[dict[str, Any]]:
    """The records: `backend`, `of`, and what was seen of `FIELDS`."""
    found: list[dict[str, Any]] = json.loads(RECORDS.read_text())
    return found


def table(records: list[dict[str, Any]]) -> str:
    """The matrix in Markdown."""
    rows = [HEADS, ("---",) * len(HEADS)]
    for one in records:
        seen = (
            _PREFILL[one["prefill"]],
            one["letters"],
            "yes" if one["images"] else "no",
            "yes" if one["seeded"] else "no",
        )
        rows.append((f"`{one['backend']}`", one["of"], *seen))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def within(page: str) -> str:
    """The table that stands in a page. Raises `ValueError` where the page has none."""
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip() + "\n"


def filled(page: str, matrix: str) -> str:
    """The page with `matrix` in the place of its table. Raises `ValueError` where it has no place for one."""
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:begin]}\n{matrix}{page[end:]}"


def seen_of(backend: Any) -> dict[str, Any]:
    """`FIELDS` as the backend's own probe finds them."""

    async def look() -> dict[str, Any]:
        try:
            found: dict[str, Any] = (await backend.capabilities()).as_dict()
            return found
        finally:
            await backend.close()

    found = asyncio.run(look())
    return {name: found[name] for name in FIELDS}


def inside() -> Iterator[dict[str, Any]]:
    """Models in this process."""
    import transformers

    import tiny_asks
    from unswayed.backends import open_backend

    version = transformers.__version__
    yield {
        "backend": "pebble",
        "of": f"the bundled model, transformers {version}",
        **seen_of(open_backend("pebble", device="cpu")),
    }
    with TemporaryDirectory() as root:
        for kind, make in tiny_asks.KINDS.items():
            backend = open_backend(str(make(Path(root) / kind)), device="cpu")
            of = f"a tiny random {kind} model, transformers {version}"
            yield {"backend": "PATH or ORG/NAME", "of": of, **seen_of(backend)}


def planted() -> Iterator[dict[str, Any]]:
    """A respondent of known behaviour."""
    from unswayed.backends import open_backend

    yield {
        "backend": "scripted:NAME",
        "of": "a planted respondent",
        **seen_of(open_backend("scripted:oracle")),
    }


def stand_ins() -> Iterator[dict[str, Any]]:
    """The tests' own chat server, with the habits of others."""
    from chat_minds import HashMind
    from chat_server import ChatServer, ServerBehaviour

    plain = {"own": False, "flags": "refuse", "stop": "lost", "letters": "top"}
    for of, habits in {
        "vLLM's documented forms": ServerBehaviour(),
        "the same without token ids": ServerBehaviour(letters="top"),
        "OpenAI's forms": ServerBehaviour(**plain),
        "a server that refuses prefills and log-probabilities": ServerBehaviour(
            **{**plain, "last": "refuse", "letters": "refuse"}
        ),
    }.items():
        with ChatServer(HashMind(), habits) as server:
            found = seen_of(_behind(server.url, ChatServer.MODEL))
        yield {"backend": "openai:MODEL", "of": f"stand-in of the tests: {of}", **found}


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
            yield {"backend": "openai:MODEL", "of": name, **seen_of(_behind(url, folder))}


def _behind(url: str, model: object) -> Any:
    from unswayed.backends.openai import EndpointOptions, OpenAIBackend
    from unswayed.retry import Retry

    return OpenAIBackend(str(model), EndpointOptions([url], concurrency=2, retry=Retry(2, 0.01, 0.01)))


def _keep(new: list[dict[str, Any]]) -> None:
    """`new` records in the place of those of the same name, or behind the last of their backend."""
    records = read() if RECORDS.exists() else []
    for one in new:
        name = (one["backend"], one["of"])
        at = [i for i, old in enumerate(records) if (old["backend"], old["of"]) == name]
        if at:
            records[at[0]] = one
        else:
            same = [i for i, old in enumerate(records) if old["backend"] == one["backend"]]
            records.insert(same[-1] + 1 if same else len(records), one)
    RECORDS.write_text(json.dumps(records, indent=1) + "\n")


def main(command: str = "", *given: str) -> None:
    if command == "probe" and not given:
        _keep([*inside(), *served(), *stand_ins(), *planted()])
    elif command == "endpoint" and len(given) == 3:
        url, model, name = given
        _keep([{"backend": "openai:MODEL", "of": name, **seen_of(_behind(url, model))}])
    elif command == "vllm" and len(given) == 2:
        from unswayed.backends import open_backend

        backend = open_backend(f"vllm:{given[0]}")
        _keep([{"backend": "vllm:MODEL", "of": given[1], **seen_of(backend)}])
    elif command != "write":
        sys.exit(__doc__)
    for place in (PAGE, README):
        page = place.read_text("utf-8")
        if place == PAGE or BEGIN in page:
            place.write_text(filled(page, table(read())), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
