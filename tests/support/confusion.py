"""The rule judge's verdicts on the labelled thoughts of ``tests/data``, as a confusion table.

python tests/support/confusion.py [--errors]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unswayed.judges.text_rules import conclude

FILE = Path(__file__).parents[1] / "data" / "labelled_thoughts.jsonl"
LABELS = ("option", "elsewhere", "nothing", "unclear")
"""What a thought concludes. `unclear`: a careful reader cannot tell, so that only an abstention is right."""
VERDICTS = ("that option", "another option", "elsewhere", "nothing", "abstains")


class Judged(NamedTuple):
    """One labelled thought with the rules' verdict."""

    shape: str
    options: list[str]
    thought: str
    label: str
    verdict: str

    @property
    def wrong(self) -> bool:
        """The verdict is neither what the thought concludes nor an abstention."""
        right = {"option": "that option", "unclear": "abstains"}.get(self.label, self.label)
        # A thought from which nothing can be told may be said to conclude nothing.
        allowed = {right, "abstains", *(("nothing",) if self.label == "unclear" else ())}
        return self.verdict not in allowed


def judge_labelled() -> Iterator[Judged]:
    """All labelled thoughts, judged by the general rules."""
    for line in FILE.read_text("utf-8").splitlines():
        row = json.loads(line)
        verdict = conclude(row["thought"], row["options"])
        label = "option" if isinstance(row["label"], int) else row["label"]
        kind: str = verdict.kind
        if kind == "option":
            kind = "that option" if verdict.option == row["label"] else "another option"
        yield Judged(row["shape"], row["options"], row["thought"], label, kind)


def main() -> None:
    """Print the table as Markdown, and with ``--errors`` the thoughts that are judged wrongly."""
    judged = list(judge_labelled())
    counts = Counter((j.label, j.verdict) for j in judged)
    print(f"| concludes | thoughts | {' | '.join(VERDICTS)} |")
    print("| --- " * (len(VERDICTS) + 2) + "|")
    for label in LABELS:
        cells = [counts[label, verdict] for verdict in VERDICTS]
        print(f"| {label} | {sum(cells)} | {' | '.join(map(str, cells))} |")
    wrong = [j for j in judged if j.wrong]
    decided = sum(j.verdict != "abstains" for j in judged)
    print(f"\n{len(judged)} thoughts; decided on {decided}, {len(wrong)} of these wrongly")
    if "--errors" in sys.argv:
        for j in judged:
            if j.wrong or (j.verdict == "abstains" and j.label != "unclear"):
                outcome = "WRONG" if j.wrong else "abstains"
                print(f"{outcome} [{j.shape}] {j.label} -> {j.verdict}: {j.thought!r} {j.options}")


if __name__ == "__main__":
    main()
