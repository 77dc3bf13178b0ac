"""Titles and meanings of the measures that only a study has: thought health, training-step metrics."""

from __future__ import annotations

from unswayed.metrics.catalogue import IN_TRAINING, MEASURES, Measure

N_TEMPLATES = 10
"""Number of most frequent templates that `template_share` counts."""

THOUGHT_MEASURES: dict[str, Measure] = {
    "thought_length": Measure(
        "Length of thoughts", "mean number of characters of a thought", "characters", "number", None
    ),
    "template_share": Measure(
        "Template share",
        f"thoughts with one of the {N_TEMPLATES} commonest templates of their audit and condition",
        "share",
        "percent",
        False,
    ),
    "duplicate_thoughts": Measure(
        "Shared templates", "thoughts whose template also occurs for another question", "share", "percent"
    ),
    "empty_thoughts": Measure(
        "Empty thoughts", "no thought, or a thought of length 0, among asked trials", "share", "percent"
    ),
    "truncated": Measure("Truncated", "answers cut off at the token limit", "share", "percent", False),
}
"""Thought health by question; templates are those of `cot_health.template`."""

STEP_MEASURES: dict[str, Measure] = {
    "reward": Measure("Reward", "mean total reward of a rollout", "reward", "number", True),
    "total": Measure("Reward, by condition", "mean total reward of a rollout", "reward", "number", True),
    "format": Measure("Format reward", "rollouts in the required format", "share", "percent", True),
    "correct": Measure("Correctness reward", "rollouts with the right answer", "share", "percent", True),
    "consistent": Measure("Consistency reward", "rollouts whose thought supports it", "share", "percent"),
    "follows_cue": Measure("Rollouts that follow", "rollouts with the cue's option", "share", "percent"),
    "dead_groups": Measure(
        "Dead groups", "rollout groups with equal rewards, which give no gradient", "share", "percent", False
    ),
    "kl": Measure("KL in the loss", "KL of the policy's tokens, as the trainer logs it", "nats", "number"),
    "entropy": Measure("Token entropy", "entropy of the tokens, as the trainer logs it", "nats", "number"),
}  # fmt: skip
"""Metrics of training steps; each point is the mean over the steps since the previous point."""

AUDIT_MEASURES: dict[str, Measure] = {
    **IN_TRAINING,
    "image_reliance": MEASURES["image_reliance"],
    "health_distinct_2": Measure(
        "Distinct word pairs", "distinct over all word pairs of thoughts", "share", "number"
    ),
    "health_gzip_ratio": Measure(
        "Gzip ratio", "compressed over plain size; low: repetitive thoughts", "share", "number"
    ),
}
"""Measures of an audit that are not stored by question: their interval rests on the seeds alone."""


def study_measure_info(name: str) -> Measure:
    """Title, meaning and unit of a study's measure; an unknown name gets a default title."""
    known = {**MEASURES, **THOUGHT_MEASURES, **STEP_MEASURES, **AUDIT_MEASURES}
    return known.get(name, Measure(name.replace("_", " ").capitalize(), "", "score", "number"))
