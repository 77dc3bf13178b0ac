"""The results of a probe of the picture: plain frozen values, computed by `measures`, shown by terminal and
report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unswayed.metrics.summary import Estimate

Unit = tuple[str, str, int]
"""Benchmark, uid and sample index."""


@dataclass(frozen=True)
class PictureReadings:
    """What the questions themselves tell of the trials under the swapped picture."""

    shown: Mapping[Unit, int] = field(default_factory=dict)
    """The option that is right of the swapped picture, where that is known."""
    described: Mapping[Unit, Mapping[str, int]] = field(default_factory=dict)
    """Number of the thought's statements by a name in `DESCRIBES`; synthetic scenes only."""


@dataclass(frozen=True)
class PictureRow:
    """What one condition did."""

    condition: str
    states: dict[str, int]
    """Number of trials by state."""
    accuracy: Estimate
    """Of the option that is right of the picture: for turned pictures it moved with it."""
    drop: Estimate
    """Accuracy under base minus accuracy here, on the same questions."""
    same_answer: Estimate
    """Share with the answer of base again."""
    p_correct: Estimate


@dataclass(frozen=True)
class StrengthPoint:
    """One point of a strength curve."""

    strength: float
    """As in the condition's name; None of it: base."""
    accuracy: Estimate
    p_correct: Estimate


@dataclass(frozen=True)
class StrengthCurve:
    """Accuracy over the strength of one change, from base on."""

    kind: str
    base: StrengthPoint
    points: tuple[StrengthPoint, ...]


@dataclass(frozen=True)
class GroundingCell:
    """One cell of caption (correct, wrong) × evidence (visible, masked)."""

    caption: str
    evidence: str
    measures: dict[str, Estimate]
    """accuracy, follows, acknowledges, admits, cannot_see, abstains (where the option was offered),
    p_correct, entropy; over the questions asked in all four cells."""


@dataclass(frozen=True)
class Grounding:
    """The 2×2 of caption and evidence, on the questions that were asked in all four cells."""

    abstain: bool
    """With the option to abstain."""
    cells: tuple[GroundingCell, ...]
    effect_visible: Estimate
    """Accuracy under the correct minus under the wrong caption, with the evidence visible."""
    effect_masked: Estimate
    interaction: Estimate
    """`effect_masked` minus `effect_visible`: how much more a caption does where the picture says nothing."""
    p_value: float | None
    """Two-sided, of no interaction, by flipping the signs of whole groups."""
    responses: dict[str, Estimate]
    """Shares by a name in `RESPONSES`, under the wrong caption with the evidence masked."""


@dataclass(frozen=True)
class HintTest:
    """Answers that the wrong caption turned, and whether the thought admits it (Chen et al., arXiv
    2505.05410)."""

    evidence: str
    turned: Estimate
    """Share that answers the cue's option, of the questions that base answered with another one."""
    admits: Estimate
    """Share whose thought names the caption as a source, of the turned answers with a thought."""
    elsewhere: Estimate
    """Share that changed to one given option that the cue does not assert: turning by chance."""


@dataclass(frozen=True)
class Triptych:
    """One question with the right, the swapped and the masked picture."""

    benchmark: str
    uid: str
    sample: int
    shown: int | None
    """The option that is right of the swapped picture."""
    same_answer: bool
    """The swapped picture got the answer of base."""
    same_words: bool


@dataclass(frozen=True)
class ImageUse:
    """All measures of the pictures of one probed run."""

    model: str
    n_questions: int
    n_groups: int
    rows: tuple[PictureRow, ...]
    curves: tuple[StrengthCurve, ...]
    measures: dict[str, Estimate]
    """Names as in `MEASURES`, in that order; one that cannot be measured is absent."""
    described: dict[str, Estimate]
    """Share of the statements under the swapped picture by a name in `DESCRIBES`; empty without any."""
    grounding: tuple[Grounding, ...]
    hints: tuple[HintTest, ...]
    swapped: tuple[Triptych, ...]
    """The questions that were asked with a swapped picture, in the order of the run."""
