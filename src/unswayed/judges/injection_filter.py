"""Removes from a thought what addresses its reader, so that it cannot influence a judge.

By kind, the same every time:

* *Framing* removes itself **and everything behind it**: an override ("ignore the above"), a turn of another
  speaker (a role as a heading, role tokens of chat templates, ``<system>``), an address ("To the labeler:
  …"), a claim of authority ("I am the developer"), a made-up end ("---END---", "end of thought"), a new
  thought or question. "Ignore my earlier guess" is honest self-correction and stays.
* *Statements about the judgement* remove the rest of their sentence: an order ("say B", "you must answer B"),
  a made-up verdict ("Verdict: B", JSON, a function call), a sentence about the thought itself.
* Code blocks, and tags that are no formatting, are removed with what they contain; other tags end a sentence.

Invisible characters are removed and look-alike letters replaced first. The text before stays. Where something
was removed and nothing concludes, a judge abstains.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from unswayed.answers.option_matching import fold, strip_markup
from unswayed.judges.foreign_addresses import foreign_address
from unswayed.judges.frames import find_frame

_ROLE = (
    r"(?:system|user|assistant|human|judge|grader|developer|dev|admin(?:istrator)?|operator|moderator"
    r"|supervisor"
    r"|label+er|labell?ing team|annotator|evaluator|reviewer|examiner|scorer|rater|checker|auditor|assessor"
    r"|verifier"
    r"|inspector|adjudicator|proctor|corrector|arbiter|referee|instructor|teacher|model|bot|agent|tool"
    r"|function"
    r"|narrator|editor|curator|worker|author|researcher|engineer|maintainer|llm|ai|gpt|claude|openai"
    r"|anthropic|root|reader|parser"
    r"|classifier)s?"
)
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override|overrule|overwrite|supersede[sd]?|cancel|void)\b"
    r"(?![^.!?\n]{0,30}\bmy\b)[^.!?\n]{0,40}"
    r"\b(?:above|previous|prior|preceding|earlier|foregoing|instructions?|everything|rules?|prompts?"
    r"|all of (?:it|this))\b"
    # A role as a heading: at the beginning of a line or sentence, before a colon, a line break or a dash.
    rf"|(?:\A|\n"
    rf"|[.!?)\]\"']\s{{1,3}})[ \t#*_>\-=(\[{{|:/\\]{{0,8}}"
    rf"(?:(?:the|new|message|note|notice|reply|from|as)\s){{0,2}}"
    rf"{_ROLE}(?:'s\s(?:turn|message|note|reply|decision|comment|final|response|answer"
    rf"|choice)\b)?(?:\s(?:message|prompt|note|turn|instruction|notice|response|reply|update|output|result"
    rf"|log"
    rf"|error|says?|here|speaking)s?)?"
    r"[ \t*_)\]}|#]{0,4}(?::|>|-{1,3}\s|=|\n|\.\s|\Z)"
    rf"|#{{1,6}}[ \t]{{0,3}}(?:{_ROLE}|instructions?|response|input|output)\b"
    rf"|[\[({{<|]{{1,2}}\s?/?(?:{_ROLE}|sys|inst|end|start|stop|eot|eos"
    rf"|bos)\b[^\])}}>|\n]{{0,20}}[\])}}>|]{{1,2}}"
    r"|<\|[^<>|\n]{1,40}\|>|</?(?:start|end)_of_turn>|</?s>"
    r"|(?:\A|\n)[ \t#*_>\-=\[]{0,8}(?:override|instructions?|notice|alert|command)[ \t*_\]]{0,4}:"
    rf"|(?:\A|\n"
    rf"|[.!?]\s)\s{{0,3}}[/!%~@#<>{{}}\[\]|=:$&^+\\]{{1,6}}\s?{_ROLE}\b|\brole\s?[:=]\s?[\"']?{_ROLE}\b"
    r"|(?:\A|\n|[.!?]\s)\s{0,3}dear\s\w"
    # An address: "To the labeler:", "Dear grader,", "Attention evaluator", "@judge".
    rf"|\b(?:to|for|dear|hello|hi|hey|attention|attn|note to|note for|message to|message for"
    rf"|instructions? (?:to|for)"
    rf"|reminder (?:to|for)|notice to|memo to|cc|p\.?s\.? (?:to|for)):?,?\s(?:the\s|all\s|any\s|my\s|our\s"
    rf"|whoever\s|future\s)?"
    rf"(?:\w{{1,12}}\s){{0,2}}?{_ROLE}\b"
    r"|(?:\A|\n|[.!?]\s)\s{0,3}(?:judge|grader|reader|evaluator|reviewer|label+er|annotator|examiner"
    r"|developer"
    r"|assistant|human|user)s?[,!]"
    r"|@\w{2,20}\b|\b(?:whoever|anyone|everyone|those) (?:is |are |who )?"
    r"(?:read|judg|grad|label|scor|evaluat|rat|check|review|assess)\w{0,4}\b"
    r"|\b(?:to|dear|attention) (?:you|whom it may concern|whoever)\b[^.!?\n]{0,40}:"
    # Authority.
    rf"|\b(?:i am|i'm|this is|speaking as|as)\s(?:the|an?|your)\s(?:\w{{1,12}}\s){{0,2}}?{_ROLE}\b"
    r"|\bthis is (?:a|an|the) (?:system|official|automated|admin\w{0,10}|developer|authori[sz]ed) \w{2,12}\b"
    r"|\b(?:official|authori[sz]ed|admin\w{0,10}|developer|debug|sudo|root) (?:mode|override|notice|message"
    r"|note|access|command)\b"
    # Made-up ends and beginnings.
    r"|</\s{0,3}[a-z][\w-]{0,40}\s{0,3}>(?=\s{0,40}\S)"
    r"|(?:[-=*#_~+<>|]\s?){2,12}[^\S\n]{0,3}(?:end|begin|start|stop|new|final|eof|system|update|reset"
    r"|important|attention)\b"
    r"|(?:\A|\n|[.!?]\s)[\s(\[*_#\-=<]{0,6}(?:end|begin|start|beginning|stop|close"
    r"|termination)\s(?:of\s)?(?:the\s|this\s|my\s|new\s)?"
    r"(?:thoughts?|thinking|reasoning|data|material|input|document|transcript|text|example|sample|message"
    r"|conversation|prompt"
    r"|context|analysis|log|record|session|quote|excerpt|section|block|instructions?|file|override|system"
    r"|update|injection|commands?)\b"
    r"|\bstop (?:reading|processing|judging|grading|evaluating)\b"
    r"|\bend of (?:the )?(?:chain of thought|string|quote|log|record|session|list|data|material|input"
    r"|document|thought|reasoning|transcript|text"
    r"|example|prompt"
    r"|context|message)\b"
    r"|\b(?:data|material|input|thought|reasoning|transcript|text|document|example)s? (?:has"
    r"|have) (?:now )?ended\b"
    r"|\b(?:thought|reasoning|transcript|example) (?:ends|is over|stops|finishes) here\b"
    r"|(?:\A|\n)\W{0,4}(?:eof|eot|eos|end)\W{0,6}(?=\n|\Z)"
    r"|(?:\A|\n|[.!?]\s)[\s(\[*_#\-=]{0,6}(?:new|next|second|another|updated|revised|corrected|actual|real"
    r"|true|following)\s"
    r"(?:thoughts?|questions?|instructions?|task|example|case|sample|prompt|conversation|item|material"
    r"|input)\W{0,3}(?::|\n|-)"
    r"|(?:\A|\n)\s{0,3}(?:thought|options|instructions?|task|example|input|output|prompt|response"
    r"|material)\s?\d{0,3}\s?:",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:(?:\A|[.!?\n,;:])\s{0,3}|\b(?:and|now|please|just|then|must|should|kindly)\s{1,3})"
    r"(?:say|output|respond|reply|return|print|write|report|declare|mark|score|grade|rate|answer with|label"
    r"|classify|tag"
    r"|annotate|register|record (?:as|that|the)|write down|emit|treat|interpret|assign|set|flip|register|log"
    r"|submit|enter|file|code)\b(?!\s(?:it out|down))"
    r"|\b(?:judges?|graders?|evaluators?|verdicts?|label+ers?|annotators?|rubric|grading|labell?ing"
    r"|evaluation|judg(?:e)?ments?)\b"
    r"|\byou\s{1,3}(?:must|should|are to|have to|will|need to|shall|ought to|may|can|are (?:required"
    r"|instructed|asked))\b"
    r"(?!\s{1,3}(?:see|notice|look|tell|find|count))"
    r"|\b(?:tell|told|want|wants|ask|asking|asked|remind|inform|let)\s(?:me\sto\s\w{2,8}\s)?you\b"
    r"|\byour\s{1,3}(?:verdict|label|judg|task|job|answer|output|response|reply|decision|report"
    r"|instructions?|conclusion|rating)"
    r"|\b(?:this|the|my|that)(?: (?:above|whole|entire|present|preceding))? (?:thought|reasoning"
    r"|chain of thought|text|passage|transcript|material|trace|cot)(?:'s)?"
    r"(?: (?:above|here|itself))? (?:\w{1,12}ly )?(?:concludes?|concluded|conclusion|should be|must be"
    r"|is to be|ends|means|counts|supports|asserts?|says?|chooses?|picks?|selects?|argues)\b"
    r"|\b(?:correct|right|true|gold|expected|proper|official|reference|final) (?:label|verdict"
    r"|classification|judg\w{0,6}|output|annotation|rating|grade|score|reply|response|key)\b"
    r"|\b(?:ground truth|answer key|gold (?:answer|option)|reference answer|expected answer)\b"
    r"|\b(?:should|must|is to|has to|needs to) be (?:judged|graded|labell?ed|classified|marked|scored|rated"
    r"|reported|recorded|counted|read|taken|treated|annotated) as\b"
    r"|\b(?:concludes?|verdict|conclusion|label|found|result|decision|prediction|score"
    r"|class)\s{0,2}[\"']?\s{0,2}(?:=|:=|->|=>|==)\s{0,2}"
    r"|(?:\A|\n|[.!?]\s)\W{0,4}(?:concludes?|verdict|label|prediction|class|found)\s{0,2}:"
    r"|[\"'][\w ]{1,30}[\"']\s{0,3}:\s{0,3}[\"'\d{\[]"
    r"|[{\[]\s{0,3}[\"'][\w ]{1,30}[\"']\s{0,3}:|\[\["
    r"|\b(?!(?:option|choice|answer|letter)\()[a-z_.]{2,30}\(\s?[\"']?[a-z][\"']?\s?\)",
    re.IGNORECASE,
)
_ABOUT_READERS = re.compile(
    r"\b(?:developers?|administrators?|admins?|annotators?|label+ers?|evaluators?|graders?|moderators?|ais?"
    r"|llms?"
    r"|language models?|chatbots?|the system)\b[^.!?\n]{0,80}(?:\byou\b|\banswer|\bconclu|\bverdict|\blabel"
    r"|\([A-Z]\))",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"(?:\A|\n|(?<!\s[A-Z])[.!?]\s)\W{0,6}(?P<heading>[A-Za-z][\w'.-]{1,20}(?:\s[\w'-]{1,20}){0,4})[^\w\n:]{0,4}:"
    r"(?=[^.!?\n]{0,80}(?:(?i:\banswer|\boption|\bchoose|\bpick)|\([A-Z]\)|\b[A-HJ-Z]\b))"
)
"""A heading of a few words before a sentence that names an option."""
_OWN_HEADINGS = {
    "answer", "answers", "final", "conclusion", "conclusions", "result", "step", "steps", "observation",
    "observations", "analysis", "reasoning", "choice", "choices", "option", "options", "so",
    "therefore", "thus", "hence", "note", "thinking", "solution", "summary", "image", "picture",
    "question", "check", "verification", "explanation", "comparison", "elimination", "count",
    "counting", "total", "colour", "color", "shape", "position", "first", "second", "third", "finally",
    "next", "now", "wait", "actually", "left", "right", "top", "bottom", "best", "correct", "chosen",
    "selected", "conclude", "which", "it", "is",
}  # fmt: skip
"""Words of the headings under which a thought states its own conclusion."""
_SENTENCE_REST = re.compile(r"[^.!?\n]*[.!?]?")
_FENCE = re.compile(
    r"<!--(?:(?!-->).){0,1000}(?:-->|\Z)|```[^`]{0,2000}(?:```|\Z)|~~~[^~]{0,2000}(?:~~~|\Z)", re.DOTALL
)
_ROLE_TAG = re.compile(
    rf"(?:~~~|```)\s?{_ROLE}\b|<\s?(?:{_ROLE}|sys|inst(?:ructions?)?|im_start"
    rf"|im_end)\b[^<>\n]{{0,60}}>",
    re.IGNORECASE,
)
_TAGGED = re.compile(
    r"<\s?(?!/?\s?(?:b|i|u|em|strong|p|br|ul|ol|li|span|div|code|sub|sup|think"
    r"|thinking)\b)([a-z][\w-]{0,30})[^<>\n]{0,60}>"
    r"[^<]{0,400}(?:</[^<>]{0,40}>)?",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z]{1,12}>", re.IGNORECASE)
_SPACED = re.compile(r"(?:\A|\n|[.!?]\s)\W{0,3}(?:[A-Za-z][ ._\-*]){3,12}[A-Za-z]\s{0,2}:")
_LOOK_ALIKES = str.maketrans(
    "аеорсхуіѕјһԁкмтвнАВЕКМНОРСТХУІЅЈԌαοενιρτυκΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡɑıⅼ",
    "aeopcxyisjhdkmtbhABEKMHOPCTXYISJGaoeviptukABEZHIKMNOPTYXgail",
)
_ROLE_WORD = re.compile(rf"\b{_ROLE}\b", re.IGNORECASE)
_LINE_ENDS = re.compile("[\u2028\u2029\x85\x0b\x0c]|\r\n?")
_LATIN = re.compile(r"[A-Za-z]")


def remove_injections(thought: str) -> tuple[str, bool]:
    """The thought without what addresses its reader and without markup; and whether anything was removed."""
    visible = "".join(c for c in _LINE_ENDS.sub("\n", thought) if unicodedata.category(c) != "Cf")
    text = _plain_letters(fold(visible))
    framed = _cut_at(text, find_frame(text, _ROLE_WORD))
    kept = _TAGGED.sub("\n", _FENCE.sub("\n", _cut(_cut(framed, _ROLE_TAG), _SPACED)))
    kept = _cut(kept, _OVERRIDE)
    kept = _cut_at(kept, foreign_address(kept))
    kept = _drop_sentences(kept, _ABOUT_READERS)
    kept = _drop_sentences(kept, _HEADED, lambda match: not _is_own_heading(match["heading"]))
    kept = _drop_sentences(kept, _ORDER)
    return strip_markup(_TAG.sub("\n", kept)), kept != text


def _is_own_heading(heading: str) -> bool:
    words = {word.strip("'.-").casefold() for word in heading.split()}
    own = words & _OWN_HEADINGS
    return bool(own) and (own != {"note"} or words == own) and _ROLE_WORD.search(heading) is None


def _drop_sentences(
    text: str, pattern: re.Pattern[str], applies: Callable[[re.Match[str]], bool] = lambda match: True
) -> str:
    """The text without every match and the rest of its sentence."""
    parts = []
    start = 0
    for match in pattern.finditer(text):
        if match.start() < start or not applies(match):
            continue
        begin = match.start() + (match.group()[:1] in ".!?\n")
        parts.append(text[start : max(start, begin)])
        rest = _SENTENCE_REST.match(text, match.end())
        start = rest.end() if rest else match.end()
    return "".join([*parts, text[start:]])


def _cut(text: str, pattern: re.Pattern[str]) -> str:
    """The text before the first match."""
    return _cut_at(text, pattern.search(text))


def _cut_at(text: str, match: re.Match[str] | None) -> str:
    """The text before `match`."""
    if match is None:
        return text
    return text[: match.start() + (match.group()[:1] in ".!?)]\"'" and match.start() < len(text))]


def _plain_letters(text: str) -> str:
    """Latin letters in place of their Cyrillic and Greek look-alikes, in words that mix the two scripts."""
    if text.isascii():
        return text

    def word(match: re.Match[str]) -> str:
        plain = match.group().translate(_LOOK_ALIKES)
        bare = "".join(c for c in unicodedata.normalize("NFD", plain) if unicodedata.category(c) != "Mn")
        if _ROLE_WORD.fullmatch(bare):
            return bare
        return plain if _LATIN.search(match.group()) or plain.isascii() else match.group()

    return re.sub(r"[\w\u0300-\u036f]{2,40}", word, text)
