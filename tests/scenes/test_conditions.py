"""Prompts: what a condition changes, and the grey image that replaces a photograph."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from unswayed import scenes
from unswayed.conditions import CONDITIONS, NotAsked, Prompt, blank, build_prompt, condition
from unswayed.errors import BadInput
from unswayed.question import Cues


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_grey_image_has_the_size_that_viewers_show(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 9, 9)).save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(blank(out.getvalue()))) as grey:
        assert grey.size == ((30, 40) if orientation >= 5 else (40, 30))
        assert grey.getexif().get(0x0112) is None
        assert grey.getcolors() == [(1200, (128, 128, 128))]


def test_only_conditions_with_a_cue_need_one() -> None:
    (question,) = scenes.load(limit=1)
    for name, how in CONDITIONS.items():
        for cues in (scenes.cues(question, 0), Cues()):
            asked = how.cue is None or getattr(cues, how.cue) is not None
            prompt = build_prompt(question, cues, how, (question.images[0].read(),))
            assert isinstance(prompt, Prompt if asked else NotAsked), name


def test_the_abstain_option_is_the_last_one_of_any_condition() -> None:
    (question,) = scenes.load(limit=1)
    prompt = build_prompt(question, Cues(), condition("base+abstain"), ())
    assert isinstance(prompt, Prompt)
    assert prompt.options == (*question.options, "I'm not sure")
    with pytest.raises(BadInput, match="there are: base"):
        condition("bases")
