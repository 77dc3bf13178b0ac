"""Which part of a thought is the thinker's own reasoning: what addresses its reader is taken out.

A thought may be written to sway whoever judges it. Decided here, by rule and the same every time:

* An override ("ignore the above", "disregard all instructions"), a made-up turn ("System: …", the role
  tokens of chat templates) or a made-up end of what the thought stands in (``</think>``, "end of
  data") takes itself *and everything behind it* out. "Ignore my earlier guess" is honest self-correction.
* An order to the reader ("say B", "output (B)", "you must answer B"), a made-up verdict ("Verdict:
  B", ``{"verdict": …}``, ``[[B]]``) or a word to the judge takes out the rest of its sentence.
* Answer tags inside a thought are taken out with what they hold; other tags end a sentence.

What stands before keeps standing. Where something was taken out and nothing concludes, a judge abstains.
"""

from __future__ import annotations

import re

from unswayed.answers.option_matching import strip_markup, fold

_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b(?![^.!?\n]{0,30}\bmy\b)[^.!?\n]{0,40}"
    r"\b(?:above|previous|prior|preceding|instructions?|everything|rules?|prompt)\b"
    r"|(?:\A|\n)[ \t#*]{0,8}(?:system|user|assistant|human|judge|grader)[ \t*]{0,4}:"
    r"|#{2,6}[ \t]{0,3}(?:system|user|assistant|human|judge|grader|instructions?)\b"
    r"|<\|[^<>|\n]{1,40}\|>|</?(?:start|end)_of_turn>|\[/?inst\]"
    r"|</\s{0,3}(?:think|thought|thinking|reasoning|material|data|input|context|document|text|prompt)"
    r"[\w-]{0,40}\s{0,3}>(?=\s{0,40}\S)"
    r"|\bend of (?:the )?(?:data|material|input|document)\b|\b(?:data|material|input) has ended\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:(?:\A|[.!?\n,;:])\s{0,3}|\b(?:and|now|please|just|then)\s{1,3})"
    r"(?:say|output|respond|reply|return|print|write|report|declare|mark|score|grade|rate|answer with)\b"
    r"|\b(?:judge|grader|evaluator|verdict)\b"
    r"|\byou\s{1,3}(?:must|should|are to|have to|will)\b(?!\s{1,3}(?:see|notice|look))"
    r"|[{\[]\s{0,3}[\"'](?:verdict|answer|found|option|conclusion|consistent)|\[\[",
    re.IGNORECASE,
)
_SENTENCE_REST = re.compile(r"[^.!?\n]*[.!?]?")
_ANSWER = re.compile(r"<answer>[^<]{0,400}(?:</answer>)?", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z]{1,12}>", re.IGNORECASE)


def remove_injections(thought: str) -> tuple[str, bool]:
    """The thought without what addresses its reader, without marks; and whether any was taken out."""
    text = fold(thought)
    without = _ANSWER.sub("\n", text)
    if override := _OVERRIDE.search(without):
        without = without[: override.start()]
    parts = []
    at = 0
    while order := _ORDER.search(without, at):
        keep = order.start() + (order.group()[:1] in ".!?\n")
        parts.append(without[at : max(at, keep)])
        rest = _SENTENCE_REST.match(without, order.end())
        at = rest.end() if rest else order.end()
    parts.append(without[at:])
    kept = "".join(parts)
    return strip_markup(_TAG.sub("\n", kept)), kept != text
