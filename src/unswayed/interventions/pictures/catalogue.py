"""The picture interventions: names, what each shows, and with which text."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.conditions import Condition
from unswayed.metrics.image_use.names import (
    BLANK,
    BLUR,
    CAPTIONS,
    CELLS,
    ELSEWHERE,
    LOW_RESOLUTION,
    MASKED,
    MIRRORED,
    NOISE,
    ROTATED,
    STRENGTHS,
    SWAPPED,
    TURNS,
    cell_name,
    strength_name,
)

VERSION = "1"
"""Changes whenever the same question and seed get another picture."""
ORIGINAL = "original"


@dataclass(frozen=True)
class PictureIntervention:
    """One way of asking a stored question again. The model writes a new turn under each."""

    name: str
    summary: str
    picture: str
    """What is shown: `ORIGINAL`, or one of the names in `metrics.image_use`."""
    strength: float = 0.0
    """Of noise, blur and low resolution: see `STRENGTHS`; of rotations: degrees."""
    caption: str | None = None
    """Condition whose caption stands before the question."""
    abstain: bool = False

    @property
    def condition(self) -> Condition:
        """The condition that stands in the trials table."""
        cue = None if self.caption is None else self.caption.replace("-", "_")
        return Condition(self.name, self.summary, "ours", cue, abstain=self.abstain)

    @property
    def repeats_audit(self) -> bool:
        """An audit has this condition too: it is asked only of questions that the run did not ask it of."""
        return self.picture in (ORIGINAL, BLANK)


def _cell(caption: str, evidence: str, abstain: bool) -> PictureIntervention:
    hidden = evidence == "masked"
    return PictureIntervention(
        cell_name(caption, evidence, abstain),
        f"a {'true' if caption == CAPTIONS[0] else 'false'} caption, the evidence {evidence}"
        + ("; with the option to abstain" if abstain else ""),
        MASKED if hidden else ORIGINAL,
        caption=caption,
        abstain=abstain,
    )


_WORDS = {
    NOISE: "{:.0%} of every pixel's value replaced by noise",
    BLUR: "blurred, with a standard deviation of {:.0%} of the shorter side",
    LOW_RESOLUTION: "{:.0%} of the pixels of each side kept",
}
_ALL = (
    PictureIntervention(BLANK, "a grey image of the same size", BLANK),
    PictureIntervention(SWAPPED, "another question's picture, of which another option is right", SWAPPED),
    PictureIntervention(MASKED, "the part of the picture that holds the evidence is grey", MASKED),
    PictureIntervention(ELSEWHERE, "as much of the picture beside the evidence is grey", ELSEWHERE),
    *(
        PictureIntervention(strength_name(kind, s), _WORDS[kind].format(s), kind, s)
        for kind, strengths in STRENGTHS.items()
        for s in strengths
    ),
    *(
        PictureIntervention(
            strength_name(ROTATED, turn), f"turned clockwise by {turn} degrees", ROTATED, turn
        )
        for turn in TURNS
    ),
    PictureIntervention(MIRRORED, "left and right exchanged", MIRRORED),
    *(_cell(caption, evidence, abstain) for abstain in (False, True) for caption, evidence in CELLS),
)
PICTURES: dict[str, PictureIntervention] = {item.name: item for item in _ALL}
"""By name, in the order in which they are asked and stored."""
