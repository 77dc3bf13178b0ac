"""A chat server on the loopback that implements vLLM's documented API, or the variants of other servers.

`ServerBehaviour` says what it takes and does; `ChatServer` runs in a thread of its own, counts what it is
asked, and can be made to fail on purpose (`chat_faults`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from unswayed.conditions import Prompt
from unswayed.model_io import Sampling

_STREAMED = re.compile(rb', "stream": true(, "stream_options": \{[^}]*\})?')
Fault = Callable[[web.Request, bytes, int, Callable[[], Awaitable[web.Response]]], Awaitable[Any]]
OWN = {"top_k", "min_p", "repetition_penalty", "skip_special_tokens", "logprob_token_ids"}
OWN |= {"return_prompt_text", "return_token_ids", "return_tokens_as_token_ids"}
OWN |= {"structured_outputs", "guided_json"}
FLAGS = {"add_generation_prompt", "continue_final_message"}


@dataclass(frozen=True)
class ServerBehaviour:
    """Which requests the server accepts, and what it does with them. The defaults are vLLM's."""

    own: bool = True
    """Accepts vLLM's own sampling fields; otherwise it replies 400, as OpenAI does."""
    flags: str = "continue"
    """What `continue_final_message` does: continue, ignore, refuse."""
    last: str = "restart"
    """What a last message of the assistant without flags does: continue, restart, refuse."""
    stop: str = "told"
    """Stop strings are: told (removed, and named in `stop_reason`), kept, lost (removed), ignored."""
    letters: str = "ids"
    """Log-probabilities: ids (by token id, too), top (the likeliest), silent, refuse."""
    most_top: int = 20
    pictures: str = "object"
    """Pictures are accepted as object or string; refuse; or drop (accepted, and not shown to the model)."""
    seeds: bool = True
    usage: bool = True
    system: bool = True
    limit: str = "max_tokens"
    parser: bool = False
    """A reasoning parser moves the thought out of the text."""
    closed: str = "keep"
    """A closed thought in the assistant's message: keep; drop (with everything before ``</think>``); empty
    (replaced by a thought without words); refuse (as transformers does where a template changes it)."""
    key: str = ""
    """If set, the required API key."""
    root: str = ""
    stream: str = "counted"
    """A stream is: counted (with token counts if requested), plain (refuses to count), ignore, refuse."""
    pace: float = 0.0
    """Seconds between the events of a stream."""
    schema: str = "response_format"
    """The field by which it holds replies to a JSON schema; ignore: accepts all without effect; refuse."""


class Refused(Exception):
    """A 4xx reply, with its message."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status = status


class ChatServer:
    """Serves `model` as ``tiny/model``. A context manager; `url` ends in /v1."""

    MODEL = "tiny/model"

    def __init__(
        self, model: Any, behaviour: ServerBehaviour = ServerBehaviour(), fault: Fault | None = None
    ) -> None:
        self.model, self.behaviour, self.fault = model, behaviour, fault
        self.asked: Counter[str] = Counter()
        """How often every body was received, by its hash."""
        self.bodies: dict[str, dict[str, Any]] = {}
        """The bodies, pictures replaced by their hashes."""
        self.headers: list[dict[str, str]] = []
        self.came: list[tuple[str, str]] = []
        """(X-Request-Id, hash of the body) of every request to the chat endpoint, in order."""
        self.open = self.most_open = 0
        self.port = 0
        self._draws = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChatServer:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Break all connections and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_get("/version", self._version)
        self.routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def routes(self, app: web.Application) -> None:
        """Further addresses; a hook for subclasses."""

    async def _stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            server = runner.server
            assert isinstance(server, web.Server)
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        entry = {"id": self.MODEL, "object": "model", "root": self.behaviour.root or self.MODEL}
        return web.json_response({"object": "list", "data": [entry]})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.0-test"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        if self.behaviour.letters != "ids":
            raise web.HTTPNotFound
        body = await request.json()
        tokens = self.model.tokenize(body["prompt"])
        return web.json_response({"count": len(tokens), "max_model_len": 4096, "tokens": tokens})

    async def _chat(self, request: web.Request) -> Any:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            raw = await request.read()
            # A request counts as the same, streamed or not.
            name = hashlib.sha256(_STREAMED.sub(b"", raw)).hexdigest()
            self.came.append((request.headers.get("X-Request-Id", ""), name))
            self.asked[name] += 1
            self.headers.append(dict(request.headers))
            if name not in self.bodies:
                self.bodies[name] = _slim(json.loads(raw))
            if self.fault is not None:
                return await self.fault(request, raw, self.asked[name], lambda: self._answer(request, raw))
            return await self._answer(request, raw)
        finally:
            self.open -= 1

    async def _answer(self, request: web.Request, raw: bytes) -> web.Response:
        try:
            if self.behaviour.key and request.headers.get("Authorization") != f"Bearer {self.behaviour.key}":
                given = request.headers.get("Authorization", "").removeprefix("Bearer ")
                raise Refused(f"Incorrect API key provided: {given}. Get one.", 401)
            body = json.loads(raw)
            reply = await self._reply(body)
            if not body.get("stream") or self.behaviour.stream == "ignore":
                return web.json_response(reply)
            return await self._events(request, reply, "stream_options" in body)
        except Refused as no:
            words = {"error": {"message": str(no), "type": "BadRequestError", "code": no.status}}
            return web.json_response(words, status=no.status)

    async def _reply(self, body: dict[str, Any]) -> dict[str, Any]:
        h = self.behaviour
        if body["model"] != self.MODEL:
            raise Refused(f"The model `{body['model']}` does not exist.", 404)
        unknown = sorted(OWN & set(body)) if not h.own else []
        unknown += sorted(FLAGS & set(body)) if h.flags == "refuse" else []
        unknown += ["stream"] if "stream" in body and h.stream == "refuse" else []
        unknown += ["stream_options"] if "stream_options" in body and h.stream == "plain" else []
        unknown += ["response_format"] if "response_format" in body and h.schema == "refuse" else []
        unknown += ["max_tokens"] if "max_tokens" in body and h.limit != "max_tokens" else []
        if unknown:
            raise Refused(f"Unrecognized request argument supplied: {unknown[0]}")
        prompt = self._prompt(body)
        restarts = self._restarts(body, prompt)
        drawn_prompt = prompt if not restarts else Prompt(prompt.system, prompt.text, "", prompt.images, ())
        counted = self.model.count(prompt) + 7 * restarts
        if body.get("logprobs") and h.letters == "refuse":
            raise Refused("logprobs are not supported with this model")
        seed = body.get("seed", 0)
        if not h.seeds:
            self._draws += 1
            seed = self._draws
        stop = tuple(body.get("stop") or ()) if h.stop != "ignored" else ()
        sampling = Sampling(body.get("temperature", 1.0), body.get("top_p", 1.0), body.get(h.limit, 16), stop)
        if body.get("logprobs") and sampling.max_tokens == 1:
            text, finish, stopped, made = "x", "length", None, 1
        else:
            drawn = await self.model.generate(drawn_prompt, sampling, seed)
            text, finish, stopped, made = drawn.text, drawn.finish, drawn.stopped, drawn.tokens
        if (schema := self._schema(body)) is not None:
            text, stopped = _held(text, schema), None
        if stopped and h.stop in ("told", "lost"):
            text = text.removesuffix(stopped)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if h.parser and "</think>" in text:
            thought, _, rest = text.partition("</think>")
            message |= {"reasoning_content": thought.removeprefix("<think>"), "content": rest}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        if h.stop == "told":
            choice["stop_reason"] = stopped
        if body.get("logprobs") and h.letters in ("ids", "top"):
            choice["logprobs"] = {"content": [await self._logprobs(body, drawn_prompt)]}
        reply = {"id": "chatcmpl-1", "object": "chat.completion", "model": self.MODEL, "choices": [choice]}
        if h.usage:
            usage = {"prompt_tokens": counted, "completion_tokens": made, "total_tokens": counted + made}
            reply["usage"] = usage
        return reply

    async def _events(self, request: web.Request, reply: dict[str, Any], counted: bool) -> Any:
        """The reply as server-sent events, a few characters each."""
        (choice,) = reply["choices"]
        message = choice.pop("message")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for name in ("reasoning_content", "content"):
            text = message.get(name) or ""
            deltas += [{name: text[i : i + 7]} for i in range(0, len(text), 7)]
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        chunks.append({"choices": [{**choice, "delta": {}}]})
        if counted and "usage" in reply:
            chunks.append({"choices": [], "usage": reply["usage"]})
        events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]
        if not self.behaviour.pace:
            return web.Response(body=b": hello\n\n" + b"".join(events), content_type="text/event-stream")
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await stream.prepare(request)
        for event in events:
            await asyncio.sleep(self.behaviour.pace)
            await stream.write(event)
        return stream

    def _schema(self, body: dict[str, Any]) -> Any:
        """The schema to which the reply must be held."""
        asked = body.get(self.behaviour.schema)
        if asked is None or self.behaviour.schema == "guided_json":
            return asked
        if self.behaviour.schema == "structured_outputs":
            return asked["json"]
        assert (asked["type"], asked["json_schema"]["strict"]) == ("json_schema", True)
        return asked["json_schema"]["schema"]

    def _prompt(self, body: dict[str, Any]) -> Prompt:
        messages = list(body["messages"])
        prefill = messages.pop()["content"] if messages[-1]["role"] == "assistant" else ""
        if self.behaviour.closed != "keep" and "</think>" in prefill:
            if self.behaviour.closed == "refuse":
                raise Refused("The final message does not appear in the chat after the template.")
            empty = "<think></think>" if self.behaviour.closed == "empty" else ""
            prefill = empty + prefill.rpartition("</think>")[2]
        system = ""
        if messages[0]["role"] == "system":
            if not self.behaviour.system:
                raise Refused("System role not supported")
            system = messages.pop(0)["content"]
        user, *later = messages
        text, images = user["content"], []
        if isinstance(text, list):
            *pictures, last = user["content"]
            text = last["text"]
            images = [self._picture(part) for part in pictures]
            if self.behaviour.pictures == "drop":
                images = []
        text = "\n".join([text, *(message["content"] for message in later)])
        return Prompt(system, text, prefill, tuple(images), ())

    def _picture(self, part: dict[str, Any]) -> bytes:
        said = part["image_url"]
        if self.behaviour.pictures == "refuse":
            raise Refused("This model does not support image input.")
        if isinstance(said, str) != (self.behaviour.pictures == "string"):
            raise Refused("Input should be another image_url.", 422)
        url = said if isinstance(said, str) else said["url"]
        head, _, data = url.partition(";base64,")
        assert head.startswith("data:image/")
        return base64.b64decode(data, validate=True)

    def _restarts(self, body: dict[str, Any], prompt: Prompt) -> bool:
        """Whether the assistant's message is closed and a new turn is started."""
        if body["messages"][-1]["role"] != "assistant":
            return False
        flagged = self.behaviour.flags == "continue" and bool(body.get("continue_final_message"))
        if flagged and body.get("add_generation_prompt", True):
            raise Refused("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
        if flagged:
            return False
        if self.behaviour.last == "refuse":
            raise Refused("This model does not support assistant message prefill.")
        return self.behaviour.last == "restart"

    async def _logprobs(self, body: dict[str, Any], prompt: Prompt) -> dict[str, Any]:
        p = await self.model.next_token(prompt)
        best = max(range(len(p)), key=p.__getitem__)
        ids = body.get("logprob_token_ids") if self.behaviour.letters == "ids" else None
        top = body.get("top_logprobs", 0)
        if not ids and top > self.behaviour.most_top:
            raise Refused(f"Requested sample logprobs of {top}, which is greater than max allowed")
        shown = [best, *ids] if ids else sorted(range(len(p)), key=lambda i: -p[i])[:top]
        named = bool(body.get("return_tokens_as_token_ids")) and self.behaviour.own

        def entry(i: int) -> dict[str, Any]:
            token = f"token_id:{i}" if named else self.model.spell(i)
            logprob = math.log(p[i]) if p[i] > 0 else -9999.0
            return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

        return {**entry(best), "top_logprobs": [entry(i) for i in dict.fromkeys(shown)]}


def _held(text: str, schema: dict[str, Any]) -> str:
    """The object in the text, if the schema admits it, else the first that it admits; keeps the thought."""
    thought, closed, rest = text.rpartition("</think>")
    fields = schema["properties"]
    try:
        outcome = json.loads(rest)
        fits = set(outcome) == set(fields) and all(
            _admits(field, outcome[name]) for name, field in fields.items()
        )
    except (ValueError, TypeError):
        fits = False
    if not fits:
        blank = {"string": "", "boolean": False}
        outcome = {name: (field.get("enum") or [blank[field["type"]]])[0] for name, field in fields.items()}
    return thought + closed + json.dumps(outcome)


def _admits(field: dict[str, Any], value: object) -> bool:
    if "enum" in field:
        return value in field["enum"]
    return isinstance(value, {"string": str, "boolean": bool}[field["type"]])


def _slim(body: dict[str, Any]) -> dict[str, Any]:
    for message in body["messages"]:
        if isinstance(message["content"], list):
            for part in message["content"]:
                if part["type"] == "image_url":
                    url = part["image_url"]
                    url = url if isinstance(url, str) else url["url"]
                    part["image_url"] = hashlib.sha256(base64.b64decode(url.split(",")[1])).hexdigest()
    return body
