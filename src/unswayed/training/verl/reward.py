"""The reward of a response in verl, by the function that our own trainer uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from unswayed.training.config.reward import RewardSettings
from unswayed.training.rewards.score import score_rollout
from unswayed.training.verl.rows import RewardCase, read_case


def score_response(
    extra_info: Mapping[str, Any], text: str, finish: str, settings: RewardSettings
) -> dict[str, float]:
    """``score`` (the total) and the parts of the reward, for a response `text` that continues the prefill.

    `extra_info`: of the row; `finish`: ``stop`` where the model ended its turn, else ``length``.
    """
    case = _case(str(extra_info["case"]))
    reward = score_rollout(
        text, case.question, case.options, finish, settings, prefill=case.prefill, format=case.format
    )
    return {"score": reward.total, **reward.parts()}


def read_settings(text: str) -> RewardSettings:
    """The settings that `export` put into verl's options as JSON."""
    return RewardSettings(**json.loads(text))


@lru_cache(maxsize=4096)
def _case(text: str) -> RewardCase:
    return read_case(text)
