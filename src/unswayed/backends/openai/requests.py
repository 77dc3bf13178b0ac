"""How one endpoint is spoken to: which fields it takes, and the bodies made of them.

A picture goes out as the original file's bytes in a data URL; it is encoded once for all conditions
and samples of its question. Bodies are put together from bytes, so that a picture of a megabyte is
copied and never escaped.
"""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unswayed.conditions import Prompt
from unswayed.model_io import Sampling

PrefillForm = Literal["flags", "message", "none"]
SchemaForm = Literal["response_format", "structured_outputs", "guided_json", "none"]
StreamForm = Literal["counted", "plain", "none"]
PictureForm = Literal["object", "string", "none"]

FLAGS: Mapping[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}
"""How vLLM and SGLang are told to go on with the assistant's last message."""
PLAIN_SAMPLING: Mapping[str, Any] = {
    # A server may take defaults for these from the model's own generation settings; an audit must not.
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    # Tags such as <think> are special tokens of some models; they are what is read.
    "skip_special_tokens": False,
}
_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}


@dataclass(frozen=True)
class Dialect:
    """What this endpoint takes, as seen by the probe."""

    plain_sampling: bool = True
    """Takes the fields of `PLAIN_SAMPLING`."""
    limit: str = "max_tokens"
    """Name of the field for the most tokens; newer OpenAI models want `max_completion_tokens`."""
    system: bool = True
    """Has a system role; otherwise system text stands in front of the user's."""
    heat: bool = True
    """Takes a temperature."""
    prefill: PrefillForm = "flags"
    """How an assistant's turn is begun: with `FLAGS`, as a last message without them, not at all."""
    picture: PictureForm = "object"
    """`image_url` as an object with a `url`, or as the URL itself."""
    stop: bool = False
    """Ends at a stop string and keeps it, or says which one it was. Otherwise it is not told any."""
    seed: bool = False
    """Takes a seed."""
    top: int = 0
    """Alternatives that it tells for a token."""
    ids: bool = False
    """Tells the probabilities of tokens asked for by their ids."""
    schema: SchemaForm = "none"
    """How a text is held to a JSON schema: OpenAI's field, vLLM's present one, its older one, not at all."""
    stream: StreamForm = "none"
    """Replies can be streamed: with token counts at the end, or without."""

    def __str__(self) -> str:
        """What of it decides answers; part of the trials' keys.

        Stop strings do not: where none are sent, the text is cut at the same place here.
        """
        fields = [f"prefill={self.prefill}", f"picture={self.picture}", self.limit]
        more = {"plain-sampling": self.plain_sampling, "folded-system": not self.system}
        return " ".join([*fields, *(name for name, on in more.items() if on)])


class Pictures:
    """Pictures as JSON fragments; the last ones are kept, for the questions that are open."""

    def __init__(self, most: int = 64 << 20, count: int = 256) -> None:
        """`most`: bytes kept; `count`: pictures kept."""
        self._most, self._count = most, count
        self._size = 0
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self.encoded = 0
        """How many were encoded so far."""

    def url(self, data: bytes) -> bytes:
        """The data URL of a picture, in quotation marks."""
        # A picture's bytes are one object for all conditions of a question, and remember their hash.
        found = self._kept.get(data)
        if found is None:
            self.encoded += 1
            found = b'"data:image/%s;base64,%s"' % (_kind(data).encode(), base64.b64encode(data))
            self._kept[data] = found
            self._size += len(data) + len(found)
            while (self._size > self._most and len(self._kept) > 1) or len(self._kept) > self._count:
                old, url = self._kept.popitem(last=False)
                self._size -= len(old) + len(url)
        else:
            self._kept.move_to_end(data)
        return found


class Bodies:
    """Makes requests for one model."""

    def __init__(self, model: str, pictures: int = 256) -> None:
        """`pictures`: how many are kept encoded."""
        self._model = json.dumps(model).encode()
        self.pictures = Pictures(count=pictures)

    def generation(
        self,
        dialect: Dialect,
        prompt: Prompt,
        sampling: Sampling,
        seed: int,
        schema: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The request for one generation, held to `schema` where the endpoint can."""
        fields: dict[str, Any] = {dialect.limit: sampling.max_tokens}
        if dialect.heat:
            fields |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if dialect.seed:
            fields["seed"] = seed
        if dialect.stop and sampling.stop:
            fields["stop"] = list(sampling.stop)
        if schema is not None:
            fields |= held_to(schema, dialect.schema)
        return self.body(dialect, prompt, fields)

    def first_token(
        self, dialect: Dialect, prompt: Prompt, ids: Sequence[int] = (), top: int | None = None
    ) -> bytes:
        """The request for the probabilities of one token.

        At temperature 1, where probabilities before and after the temperature are the same.
        """
        fields: dict[str, Any] = {dialect.limit: 1, "logprobs": True}
        if dialect.heat:
            fields["temperature"] = 1.0
        if ids:
            fields |= {"logprob_token_ids": list(ids), "return_tokens_as_token_ids": True, "top_logprobs": 1}
        else:
            fields["top_logprobs"] = dialect.top if top is None else top
        return self.body(dialect, prompt, fields)

    def body(self, dialect: Dialect, prompt: Prompt, fields: Mapping[str, Any]) -> bytes:
        """`prompt` as messages, `fields` beside them. An empty prefill begins nothing."""
        more = dict(fields)
        if dialect.plain_sampling:
            more |= PLAIN_SAMPLING
        if prompt.prefill and dialect.prefill == "flags":
            more |= FLAGS
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
                url = self.pictures.url(data)
                form = b'{"url":%s}' if dialect.picture == "object" else b"%s"
                parts += [b'{"type":"image_url","image_url":', form % url, b"},"]
            parts += [b'{"type":"text","text":', _json(text), b"}]"]
        else:
            parts.append(_json(text))
        parts.append(b"}")
        if prompt.prefill:
            parts += [b',{"role":"assistant","content":', _json(prompt.prefill), b"}"]
        parts += [b"],", _json(more)[1:]]
        return b"".join(parts)


def held_to(schema: Mapping[str, Any], form: SchemaForm) -> dict[str, Any]:
    """The fields that hold a reply to a JSON schema."""
    if form == "response_format":
        named = {"name": "reply", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if form == "structured_outputs":
        return {"structured_outputs": {"json": schema}}
    return {"guided_json": schema} if form == "guided_json" else {}


def streamed(body: bytes, form: StreamForm) -> bytes:
    """The same request, its reply to be streamed where that can be."""
    if form == "none":
        return body
    fields: dict[str, Any] = {"stream": True}
    if form == "counted":
        fields["stream_options"] = {"include_usage": True}
    return b"%s, %s" % (body[:-1], _json(fields)[1:])


def _json(value: object) -> bytes:
    return json.dumps(value).encode("ascii")


def _kind(data: bytes) -> str:
    """The media type's second half, by the file's first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "png")
