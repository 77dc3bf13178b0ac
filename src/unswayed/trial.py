"""One row of the trials table: one question under one condition, asked once.

Indices are 0-based positions in the options as shown. None means "does not apply" or "not known", never a
default. `SCHEMA` is the Parquet schema; `docs/trials.md` repeats the meaning of its columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import pyarrow as pa

STATES = ("ok", "truncated", "unparsable", "refused", "error", "not-asked")
"""State of a trial. Only `ok` has an answer; `not-asked` never reached the model."""

VISIBILITIES = ("visible", "summary", "hidden")
"""What of its thought a model returns. Only visible thoughts are judged."""

UNDER_CUE = ("follows", "revises", "flips")
"""How a model treats a wrong thought in its prefill; see `judges.base.under_cue`."""


@dataclass(frozen=True)
class Trial:
    """See `SCHEMA` for the meaning of each field."""

    key: str
    benchmark: str
    family: str
    uid: str
    group: str
    condition: str
    sample: int
    model: str
    revision: str
    n_options: int
    gold: int
    options: tuple[str, ...]
    question: str
    state: str
    category: str | None = None
    cue: int | None = None
    cue_text: str | None = None
    cue_writer: str | None = None
    prompt: str = ""
    prefill: str = ""
    image_sha256: tuple[str, ...] = ()
    text: str | None = None
    finish: str | None = None
    error: str | None = None
    thought: str | None = None
    answer: int | None = None
    correct: bool | None = None
    followed_cue: bool | None = None
    concluded: int | None = None
    concluded_words: str | None = None
    judged: bool | None = None
    consistent: bool | None = None
    under_cue: str | None = None
    acknowledges: bool | None = None
    letters: tuple[float, ...] | None = None
    letters_outside: float | None = None
    p_correct: float | None = None
    letter_entropy: float | None = None
    prompt_tokens: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    attempts: int | None = None
    thought_visibility: str | None = None
    reasoning_tokens: int | None = None
    reasons: int | None = None
    reasons_true: int | None = None
    conclusion_follows: bool | None = None
    caption_quotes: int | None = None
    caption_misquotes: int | None = None
    first_turn: str | None = None


_COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "key": (pa.string(), "content hash of everything that reached the model"),
    "benchmark": (pa.string(), "where the question comes from"),
    "family": (pa.string(), "kind of question; metrics are broken down by it"),
    "uid": (pa.string(), "the question, unique within its benchmark"),
    "group": (pa.string(), "cluster of the statistics: same image, copies of one question"),
    "condition": (pa.string(), "name of the condition"),
    "sample": (pa.int32(), "which repetition, from 0"),
    "model": (pa.string(), "name of the model"),
    "revision": (pa.string(), "of the weights; empty if unknown"),
    "n_options": (pa.int32(), "options as shown, the abstain option included"),
    "gold": (pa.int32(), "the right option"),
    "options": (pa.list_(pa.string()), "option texts as shown"),
    "question": (pa.string(), "the question without its options"),
    "state": (pa.string(), "ok, truncated, unparsable, refused, error, not-asked"),
    "category": (pa.string(), "the benchmark's own category"),
    "cue": (pa.int32(), "option that the cue asserts; null without one"),
    "cue_text": (pa.string(), "the cue, exact"),
    "cue_writer": (pa.string(), "writer and phrasing of the cue"),
    "prompt": (pa.string(), "the user turn's text, exact"),
    "prefill": (pa.string(), "beginning of the assistant's turn, exact"),
    "image_sha256": (pa.list_(pa.string()), "of the encoded files that were sent; names under images/"),
    "text": (pa.string(), "the generation, byte for byte, without the prefill"),
    "finish": (pa.string(), "how the generation ended: stop, length, refused; null in older runs"),
    "error": (pa.string(), "what went wrong, or why it was not asked"),
    "thought": (pa.string(), "the parsed thought, prefill included"),
    "answer": (pa.int32(), "the parsed option"),
    "correct": (
        pa.bool_(),
        "answer == gold; false where the state is not ok; null if not asked or error",
    ),
    "followed_cue": (pa.bool_(), "answer == cue; null without a cue that asserts an option"),
    "concluded": (pa.int32(), "option the thought finally concludes; null: none, or abstained"),
    "concluded_words": (
        pa.string(),
        "the thought's words for a conclusion that no option says; null unless it concludes such",
    ),
    "judged": (pa.bool_(), "the judge decided; null where there is no thought to judge"),
    "consistent": (pa.bool_(), "the thought concludes the answer; null: it concludes nothing, or abstained"),
    "under_cue": (pa.string(), "follows, revises, flips; wrong-think conditions only"),
    "acknowledges": (pa.bool_(), "the thought says that text and image disagree; null without a cue"),
    "letters": (pa.list_(pa.float64()), "P(option), normalised over the options"),
    "letters_outside": (pa.float64(), "probability mass outside the letters"),
    "p_correct": (pa.float64(), "P(gold) among the letters"),
    "letter_entropy": (pa.float64(), "entropy of `letters`, in nats"),
    "prompt_tokens": (pa.int32(), "cost"),
    "tokens": (pa.int32(), "cost"),
    "seconds": (pa.float64(), "cost"),
    "attempts": (pa.int32(), "number of times it was sent"),
    "thought_visibility": (
        pa.string(),
        "what of its thought the model returned: visible, summary, hidden; null in older runs",
    ),
    "first_turn": (pa.string(), "the model's answer before the second turn of pressed, byte for byte"),
    "reasoning_tokens": (pa.int32(), "tokens of the thought, as counted by a server; null where it does not"),
    "reasons": (
        pa.int32(),
        "statements of the thought about scene and caption, without the prefill's; null unless a drawn scene",
    ),
    "reasons_true": (pa.int32(), "of these statements, true ones"),
    "conclusion_follows": (
        pa.bool_(),
        "the concluded option follows from true statements before it; null without such a conclusion",
    ),
    "caption_quotes": (pa.int32(), "of the statements, reports of what the caption says"),
    "caption_misquotes": (pa.int32(), "of the quotes, those of which the prompt holds nothing"),
}

SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, kind, metadata={"meaning": meaning}) for name, (kind, meaning) in _COLUMNS.items()]
)
assert {f.name for f in fields(Trial)} == set(SCHEMA.names)
