"""Image reliance: how an answer depends on the picture, and on captions beside it (`unswayed probe`)."""

from unswayed.metrics.image_use.measures import image_use
from unswayed.metrics.image_use.names import (
    BASE,
    BLANK,
    CAPTIONS,
    DESCRIBES,
    ELSEWHERE,
    MASKED,
    MEASURES,
    RESPONSES,
    STRENGTHS,
    SWAPPED,
    cell_name,
    strength_name,
)
from unswayed.metrics.image_use.results import (
    Grounding,
    GroundingCell,
    HintTest,
    ImageUse,
    PictureReadings,
    PictureRow,
    StrengthCurve,
    StrengthPoint,
    Triptych,
)
from unswayed.metrics.image_use.wording import admits_cue, says_cannot_see

__all__ = [
    "BASE",
    "BLANK",
    "CAPTIONS",
    "DESCRIBES",
    "ELSEWHERE",
    "MASKED",
    "MEASURES",
    "RESPONSES",
    "STRENGTHS",
    "SWAPPED",
    "Grounding",
    "GroundingCell",
    "HintTest",
    "ImageUse",
    "PictureReadings",
    "PictureRow",
    "StrengthCurve",
    "StrengthPoint",
    "Triptych",
    "admits_cue",
    "cell_name",
    "image_use",
    "says_cannot_see",
    "strength_name",
]
