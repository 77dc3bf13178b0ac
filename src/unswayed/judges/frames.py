"""Frames that make what follows look as if somebody else had said it; see `injection_filter`.

Records of an annotation, banners, mail headers, encoded blocks, dismissals of what stands before, made-up
questions and answers, role words in brackets or spelt out letter by letter.
"""

from __future__ import annotations

import re

_READS = r"(?:read|judg|grad|label|scor|evaluat|rat|annotat|review)(?:s|es|ing|ling)?"
_MARKS = re.compile(
    r"\n\W{0,4}(?:gold|ground[- ]truth|reference|expected)\s(?:label|answer|verdict|option)\W{0,4}[:=]"
    # Two fields of an annotation, one a line.
    r"|\n[a-z_]{2,20}: [^\n]{0,40}\n(?:confidence|score|role|reason|source|status|author|content)\s?[:=]"
    r"|\n[>\s]{0,8}(?:from|subject|sender|cc|reply-to|x-[a-z-]{2,20}):\s"
    # An encoded word: 12 or more characters of both cases with a digit or padding.
    r"|(?<![\w/+])(?=[A-Za-z+/]{0,60}[0-9=])(?=[a-z0-9+/]{0,60}[A-Z])(?=[A-Z0-9+/]{0,60}[a-z])"
    r"[A-Za-z0-9+/]{12,}={0,2}(?![\w])"
    r"|\b0x[0-9a-f]{6,}\b"
    # Dismissals of what stands before.
    r"|\b(?:forget|ignore|disregard|skip)\s(?:about\s)?what\s(?:was|is|has been|they|you)\b[^.!?\n]{0,30}"
    r"|\b(?:do not|don't|never)\s(?:read|use|trust|count|consider|judge|look at)\b[^.!?\n]{0,30}"
    r"\b(?:above|before|preceding|so far)\b"
    r"|\b(?:text|thought|reasoning|lines?|sentences?|everything)\s(?:above|before|so far|up to here)"
    r"\s(?:is|was|are|were)\s(?:only|just|merely|an?\s(?:test|example|draft|decoy|joke)|written by)\b"
    rf"|\b(?:who|that|which|one|are)\s{_READS}\s(?:this|it|me)\b"
    r"|\nq(?:uestion)?\s?:[^\n]{0,200}\na(?:nswer)?\s?:"
    r"|\n\W{0,3}(?:\(|\[)?annotations?\s?:"
    r"|[\[({]{1,2}\s?(?:\w{1,20}\.){1,3}(?:system|judge|grader|user|assistant|developer|label+er)\b"
    r"|\n[a-z_]{2,20}\s?:\s?\{[a-z_\"']{2,20}\s?:"
    r"|&lt;\s?/?\s?[a-z]{2,20}\b|\\n\\n",
    re.IGNORECASE,
)
_BANNER = re.compile(
    r"\n[^\S\n]{0,4}([-+=~#*_])\1{2,}[^\S\n]{1,3}(?P<title>\w[^\n]{0,60}?)[^\S\n]{1,3}\1{3,}[^\S\n]{0,4}(?=\n|\Z)"
)
_BRACKETED = re.compile(r"\n[^\S\n]{0,4}[\[«‹【〔「『]\s?(?P<name>[^\]»›】〕」』\n]{1,30})\s?[\]»›】〕」』]")
_SPELT = re.compile(r"(?:\A|\n|[.!?]\s)\W{0,3}(?P<letters>(?:[A-Za-z][ ._\-*]){3,12}[A-Za-z]?)")
_OWN_TITLE = re.compile(
    r"\b(?:answer|conclusion|step|final|analysis|result|reasoning|option|check|summary|observation)",
    re.IGNORECASE,
)


def find_frame(text: str, role: re.Pattern[str]) -> re.Match[str] | None:
    """The first frame in `text`, or None. `role` matches the name of a role or reader. Linear in time."""
    found = [match for match in [_MARKS.search(text)] if match]
    for pattern, applies in (
        (_BANNER, lambda m: _OWN_TITLE.search(m["title"]) is None),
        (_BRACKETED, lambda m: role.search(m["name"]) or text[: m.start()].isascii() > m["name"].isascii()),
        (_SPELT, lambda m: role.fullmatch(re.sub(r"[ ._\-*]", "", m["letters"]))),
    ):
        found += [match for match in pattern.finditer(text) if applies(match)][:1]
    return min(found, key=lambda match: match.start(), default=None)
