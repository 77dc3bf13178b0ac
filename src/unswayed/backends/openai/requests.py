"""Request bodies for one endpoint: which fields it takes (`Dialect`), and the JSON made of them.

A picture goes out as the original file's bytes in a data URL under its own media type; it is encoded once for
all conditions and samples of its question. Bodies are assembled from bytes, so that a picture of a megabyte
is copied and never escaped.
"""

from __future__ import annotations

import base64
import io
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from PIL import Image as PILImage

from unswayed.conditions import Prompt
from unswayed.errors import BadImage
from unswayed.images import FORMATS
from unswayed.model_io import Sampling

PrefillForm = Literal["flags", "message", "none"]
SchemaForm = Literal["response_format", "structured_outputs", "guided_json", "none"]
StreamForm = Literal["counted", "plain", "none"]
BudgetForm = Literal["thinking_token_budget", "thinking", "reasoning", "google", "thinking_budget", "none"]
ImageForm = Literal["object", "string", "none"]

CONTINUE_FLAGS: Mapping[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}
"""Fields by which vLLM and SGLang continue the assistant's last message."""
PLAIN_SAMPLING: Mapping[str, Any] = {
    # A server may take defaults for these from the model's own generation settings; an audit must not.
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    # Tags such as <think> are special tokens of some models, and the parser needs them.
    "skip_special_tokens": False,
}
_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}


@dataclass(frozen=True)
class Dialect:
    """Which fields and forms this endpoint takes, as found by the probe."""

    plain_sampling: bool = True
    """Takes the fields of `PLAIN_SAMPLING`."""
    max_tokens_field: str = "max_tokens"
    """Newer OpenAI models want `max_completion_tokens`."""
    system: bool = True
    """Has a system role; otherwise the system text precedes the user's text."""
    refused: tuple[str, ...] = ()
    """Sampling fields that it refuses, sorted: they are not sent, and its own values hold."""
    prefill: PrefillForm = "flags"
    """How the assistant's turn is prefilled: with `CONTINUE_FLAGS`, as a last message without them, not at
    all."""
    picture: ImageForm = "object"
    """`image_url` as an object with a `url`, or as the URL itself."""
    stop: bool = False
    """Ends at a stop string and keeps or names it. Otherwise none is sent."""
    seed: bool = False
    """Takes a seed."""
    top_logprobs: int = 0
    """Number of alternatives that it returns for a token."""
    token_ids: bool = False
    """Returns the log-probabilities of tokens requested by id."""
    schema: SchemaForm = "none"
    """How a text is held to a JSON schema: OpenAI's field, vLLM's present one, its older one, not at all."""
    stream: StreamForm = "none"
    """Replies can be streamed: with token counts at the end, or without."""
    echo: bool = False
    """Its replies repeat the prefill before they go on (llama.cpp)."""
    budget: BudgetForm = "none"
    """By which field a limit of the thought's tokens is sent."""

    def __str__(self) -> str:
        """The part that decides answers; belongs to the trials' keys.

        Stop strings do not: the text ends at the same place, whether they are sent or not.
        """
        fields = [f"prefill={self.prefill}", f"picture={self.picture}", self.max_tokens_field]
        more = {"plain-sampling": self.plain_sampling, "folded-system": not self.system}
        fields += [name for name, on in more.items() if on]
        if self.refused:
            fields.append(f"refused={','.join(self.refused)}")
        return " ".join(fields)

    def without(self, name: str) -> Dialect:
        """The same without a sampling field that is refused."""
        refused = tuple(sorted({*self.refused, name}))
        if set(PLAIN_SAMPLING) <= set(refused):
            return replace(
                self, plain_sampling=False, refused=tuple(n for n in refused if n not in PLAIN_SAMPLING)
            )
        return replace(self, refused=refused)


class ImageUrlCache:
    """Data URLs of pictures as JSON fragments; keeps the most recent ones, for the open questions."""

    def __init__(self, max_bytes: int = 64 << 20, max_count: int = 256) -> None:
        self._max_bytes, self._max_count = max_bytes, max_count
        self._size = 0
        self._urls: OrderedDict[bytes, bytes] = OrderedDict()
        self.encoded = 0
        """Number of pictures encoded so far."""

    def url(self, data: bytes) -> bytes:
        """The data URL of a picture, in quotation marks. Raises `BadImage` for an unknown format."""
        # A picture's bytes are one object for all conditions of a question, which caches its hash.
        url = self._urls.get(data)
        if url is None:
            self.encoded += 1
            url = b'"data:%s;base64,%s"' % (media_type(data).encode(), base64.b64encode(data))
            self._urls[data] = url
            self._size += len(data) + len(url)
            while (self._size > self._max_bytes and len(self._urls) > 1) or len(self._urls) > self._max_count:
                old, old_url = self._urls.popitem(last=False)
                self._size -= len(old) + len(old_url)
        else:
            self._urls.move_to_end(data)
        return url


class RequestBuilder:
    """Makes request bodies for one model."""

    def __init__(
        self,
        model: str,
        max_images: int = 256,
        *,
        extra: Mapping[str, Any] | None = None,
        thinking_budget: int | None = None,
    ) -> None:
        """`max_images`: how many pictures are kept encoded; `extra`: fields of every request;
        `thinking_budget`: tokens of the thought, sent as the dialect says."""
        self._model = json.dumps(model).encode()
        self._extra = dict(extra or {})
        self._thinking_budget = thinking_budget
        self.images = ImageUrlCache(max_count=max_images)

    def generation(
        self,
        dialect: Dialect,
        prompt: Prompt,
        sampling: Sampling,
        seed: int,
        schema: Mapping[str, Any] | None = None,
        *,
        send_stop: bool = True,
        more: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The request for one generation, held to `schema` where the endpoint can.

        `send_stop`: with the stop strings, where the endpoint takes them. `more`: other fields. Raises
        `BadImage`.
        """
        fields: dict[str, Any] = {dialect.max_tokens_field: sampling.max_tokens}
        fields |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if dialect.seed:
            fields["seed"] = seed
        if dialect.stop and send_stop and sampling.stop:
            fields["stop"] = list(sampling.stop)
        if schema is not None:
            fields |= schema_fields(schema, dialect.schema)
        fields |= more or {}
        return self.body(dialect, prompt, fields)

    def first_token(
        self, dialect: Dialect, prompt: Prompt, ids: Sequence[int] = (), top_logprobs: int | None = None
    ) -> bytes:
        """The request for the probabilities of one token.

        At temperature 1, where probabilities before and after the temperature are the same.
        """
        fields: dict[str, Any] = {dialect.max_tokens_field: 1, "logprobs": True}
        fields["temperature"] = 1.0
        if ids:
            fields |= {"logprob_token_ids": list(ids), "return_tokens_as_token_ids": True, "top_logprobs": 1}
        else:
            fields["top_logprobs"] = dialect.top_logprobs if top_logprobs is None else top_logprobs
        return self.body(dialect, prompt, fields)

    def body(self, dialect: Dialect, prompt: Prompt, fields: Mapping[str, Any]) -> bytes:
        """`prompt` as messages, with `fields` beside them. Without a prefill there is no assistant
        message."""
        more = dict(fields)
        if dialect.plain_sampling:
            more |= PLAIN_SAMPLING
        more = {name: value for name, value in more.items() if name not in dialect.refused}
        more |= self._extra
        if self._thinking_budget is not None:
            more |= budget_fields(self._thinking_budget, dialect.budget)
        if prompt.prefill and dialect.prefill == "flags":
            more |= CONTINUE_FLAGS
        parts = [b'{"model":', self._model, b',"messages":[']
        text = prompt.text
        if prompt.system and dialect.system:
            parts += [b'{"role":"system","content":', _json(prompt.system), b"},"]
        elif prompt.system:
            text = f"{prompt.system}\n\n{text}"
        parts.append(b'{"role":"user","content":')
        if prompt.images:
            parts.append(b"[")
            for data in prompt.images:
                url = self.images.url(data)
                form = b'{"url":%s}' if dialect.picture == "object" else b"%s"
                parts += [b'{"type":"image_url","image_url":', form % url, b"},"]
            parts += [b'{"type":"text","text":', _json(text), b"}]"]
        else:
            parts.append(_json(text))
        parts.append(b"}")
        if prompt.first_answer:
            parts += [b',{"role":"assistant","content":', _json(prompt.first_answer), b"}"]
            parts += [b',{"role":"user","content":', _json(prompt.follow_up), b"}"]
        if prompt.prefill:
            parts += [b',{"role":"assistant","content":', _json(prompt.prefill), b"}"]
        parts += [b"],", _json(more)[1:]]
        return b"".join(parts)


def schema_fields(schema: Mapping[str, Any], form: SchemaForm) -> dict[str, Any]:
    """The fields that hold a reply to a JSON schema."""
    if form == "response_format":
        named = {"name": "reply", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if form == "structured_outputs":
        return {"structured_outputs": {"json": schema}}
    return {"guided_json": schema} if form == "guided_json" else {}


def budget_fields(tokens: int, form: BudgetForm) -> dict[str, Any]:
    """The fields that limit a thought to `tokens`: vLLM's, Anthropic's, OpenRouter's, Google's, Alibaba's."""
    forms: dict[BudgetForm, dict[str, Any]] = {
        "thinking_token_budget": {"thinking_token_budget": tokens},
        "thinking": {"thinking": {"type": "enabled", "budget_tokens": tokens}},
        "reasoning": {"reasoning": {"max_tokens": tokens}},
        "google": {"extra_body": {"google": {"thinking_config": {"thinking_budget": tokens}}}},
        "thinking_budget": {"thinking_budget": tokens, "enable_thinking": True},
        "none": {},
    }
    return forms[form]


def with_streaming(body: bytes, form: StreamForm) -> bytes:
    """The same request for a streamed reply, where the endpoint can stream."""
    if form == "none":
        return body
    fields: dict[str, Any] = {"stream": True}
    if form == "counted":
        fields["stream_options"] = {"include_usage": True}
    return b"%s, %s" % (body[:-1], _json(fields)[1:])


def media_type(data: bytes) -> str:
    """The media type of an encoded picture, by its content. Raises `BadImage` where none is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return f"image/{kind}"
    PILImage.init()
    try:
        with PILImage.open(io.BytesIO(data), formats=[f for f in FORMATS if f in PILImage.OPEN]) as picture:
            kind = picture.get_format_mimetype() or ""
    except Exception:  # Pillow raises anything for a damaged file
        kind = ""
    if not kind.startswith("image/"):
        raise BadImage("the picture's format has no media type; convert it to PNG or JPEG")
    return kind


def _json(value: object) -> bytes:
    return json.dumps(value).encode("ascii")
