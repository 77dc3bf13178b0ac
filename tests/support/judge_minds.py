"""A chat server's mind that judges thoughts, for tests of judges behind endpoints."""

from __future__ import annotations

import json
import re

from chat_models import OPTION, HashModel
from unswayed.conditions import Prompt
from unswayed.judges import text_rules

MATERIAL = re.compile(r"<(material-[0-9a-f]{16})>\n(.*)\n</\1>", re.DOTALL)


class JudgeMind(HashModel):
    """Judges by the general rules, after a thought of its own that quotes what it read."""

    def whole(self, prompt: Prompt, draw: str = "") -> str:
        found = MATERIAL.search(prompt.text)
        if found is None:  # a probe
            return super().whole(prompt, draw)
        head, _, thought = found[2].partition("\n\nThought:\n")
        options = [text for _, text in OPTION.findall(head)]
        verdict = text_rules.conclude(thought, options)
        letter = "ABCDEFG"[verdict.option or 0]
        words = {"option": letter, "nothing": "nothing", "abstains": "unsure", "elsewhere": "other"}
        reply = {"concludes": words[verdict.kind], "words": verdict.words or "", "disagrees": False}
        return f"<think>It says: {thought}</think>\n{json.dumps(reply)}"
