"""Chat servers whose models think out of sight, or whose templates alter what they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chat_server import ChatServer, Refused, ServerBehaviour
from unswayed.conditions import Prompt

_VLLM = ServerBehaviour()
EMPTY = "<think>\n\n</think>\n\n"
TOO_SMALL = (
    "Could not finish the message because max_tokens or model output limit was reached. "
    "Please try again with higher max_tokens."
)


@dataclass(frozen=True)
class Reasoner:
    """How a server treats thoughts, prefills and fields. The defaults change nothing."""

    hidden: int = 0
    """Tokens that the model thinks before its first visible token."""
    small: str = "refuse"
    """A limit below `hidden` is refused, or gives an empty text (``empty``)."""
    summary: str = ""
    """The provider's summary of the hidden thought, in OpenRouter's `reasoning_details`."""
    refuses: tuple[str, ...] = ()
    """Fields that are refused by name, one after the other."""
    budget: str = ""
    """The field that limits the hidden thought."""
    template: str = "keep"
    """Before a prefill: keep, ``empty`` (a closed, empty thought), ``double`` (the tag that it opens itself),
    or strip (the prefill's end is cut off)."""
    shows_prompt: str = ""
    """How the prompt is returned: text, ids, template (by `/apply-template`), or not at all."""
    echo: bool = False
    """Replies repeat the prefill, as llama.cpp's do."""
    drifts: bool = False
    """Greedy texts differ from request to request."""


class ReasoningServer(ChatServer):
    """A `ChatServer` that behaves as `reasoner` says, too."""

    def __init__(self, model: Any, reasoner: Reasoner, behaviour: ServerBehaviour = _VLLM) -> None:
        super().__init__(model, behaviour)
        self.reasoner = reasoner
        self._turns = 0

    async def _reply(self, body: dict[str, Any]) -> dict[str, Any]:
        r = self.reasoner
        for name in r.refuses:
            if name in body:
                raise Refused(f"Unsupported parameter: '{name}' is not supported with this model.")
        limit = body.get(self.behaviour.limit, 10**6)
        shown = {name: body.pop(name, None) for name in ("return_prompt_text", "return_token_ids")}
        thinks = min(r.hidden, _limit_of(body, r.budget)) if r.budget else r.hidden
        if limit <= thinks and r.small == "refuse":
            raise Refused(TOO_SMALL)
        reply = await super()._reply(body)
        (choice,) = reply["choices"]
        if limit <= thinks:
            choice["message"]["content"], choice["finish_reason"], choice["stop_reason"] = "", "length", None
        if r.hidden and "usage" in reply:
            reply["usage"]["completion_tokens"] += min(thinks, limit)
            reply["usage"]["completion_tokens_details"] = {"reasoning_tokens": min(thinks, limit)}
        if r.summary and choice["message"]["content"]:
            details = [
                {"type": "reasoning.summary", "summary": r.summary},
                {"type": "reasoning.encrypted", "data": "x"},
            ]
            choice["message"] |= {"reasoning": r.summary, "reasoning_details": details}
        if r.echo and body["messages"][-1]["role"] == "assistant":
            choice["message"]["content"] = body["messages"][-1]["content"] + choice["message"]["content"]
        if r.drifts and len(choice["message"]["content"] or "") > 20:
            self._turns += 1
            choice["message"]["content"] = choice["message"]["content"][:20] + "." * self._turns
        if shown["return_prompt_text"] and r.shows_prompt in ("text", "ids"):
            text = self._served(body)
            if r.shows_prompt == "text":
                reply["prompt_text"] = text
            else:
                reply["prompt_token_ids"] = self.model.tokenize(text)
        return reply

    async def _detokenize(self, request: Any) -> Any:
        from aiohttp import web

        body = await request.json()
        return web.json_response({"prompt": "".join(self.model.spell(i) for i in body["tokens"])})

    async def _apply_template(self, request: Any) -> Any:
        from aiohttp import web

        if self.reasoner.shows_prompt != "template":
            raise web.HTTPNotFound
        return web.json_response({"prompt": self._served(await request.json())})

    def routes(self, app: Any) -> None:
        app.router.add_post("/apply-template", self._apply_template)
        app.router.add_post("/detokenize", self._detokenize)

    def _prompt(self, body: dict[str, Any]) -> Prompt:
        prompt = super()._prompt(body)
        if not prompt.prefill:
            return prompt
        if self.reasoner.template == "strip":
            return replace(prompt, prefill=prompt.prefill[:-5])
        before = {"keep": "", "empty": EMPTY, "double": "<think>\n"}[self.reasoner.template]
        return replace(prompt, prefill=before + prompt.prefill)

    def _served(self, body: dict[str, Any]) -> str:
        prompt = self._prompt(body)
        opened = "<think>\n" if self.reasoner.template == "double" and not prompt.prefill else ""
        return f"{prompt.system}\n{prompt.text}\nassistant:{opened}{prompt.prefill}"


def _limit_of(body: dict[str, Any], name: str) -> int:
    value = body.get(name, 10**6)
    if isinstance(value, dict):
        value = value.get("max_tokens", value.get("budget_tokens", 10**6))
    return int(value)
