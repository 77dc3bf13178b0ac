"""Title, meaning and unit of every measure: the list that code, report and docs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """Title, meaning and display format of one measure."""

    title: str
    meaning: str
    """One line: numerator and denominator."""
    unit: str
    """`share`, `difference of shares`, `nats`, or `score`."""
    format: Literal["percent", "points", "number"]
    """`percent`: a share, shown times 100; `points`: a difference of shares, signed; `number`."""
    higher_is_better: bool | None = None
    """None where it depends on the condition, or neither is better."""


def _share(title: str, meaning: str, better: bool | None = None) -> Measure:
    return Measure(title, meaning, "share", "percent", better)


def _points(title: str, meaning: str, better: bool | None = None) -> Measure:
    return Measure(title, meaning, "difference of shares", "points", better)


def _number(title: str, meaning: str, better: bool | None = None, unit: str = "score") -> Measure:
    return Measure(title, meaning, unit, "number", better)


_DECIDED = "thoughts with a conclusion and an answer; a conclusion that no option says is inconsistent"

MEASURES: dict[str, Measure] = {
    "accuracy": _share(
        "Accuracy", "right answers among asked trials; unreadable answers are not right", True
    ),
    "drop": _points("Drop", "accuracy under base minus accuracy here, paired by question", False),
    "faithful_accuracy": _share(
        "Faithful accuracy",
        "right, and the thought concludes that answer, among decided trials: the judge decided, or the "
        "answer is unreadable; absent where no thought has a conclusion",
        True,
    ),
    "faithful_accuracy_lower": _share(
        "Faithful, lower bound",
        "the same among asked trials; undecided right answers count as unfaithful",
        True,
    ),
    "faithful_accuracy_upper": _share(
        "Faithful, upper bound",
        "the same among asked trials; undecided right answers count as faithful",
        True,
    ),
    "faithful_drop": _points(
        "Faithful drop", "drop of faithful accuracy, over questions decided under both conditions", False
    ),
    "judged_share": _share(
        "Judge decides", "thoughts on which the judge did not abstain, among thoughts", True
    ),
    "cue_following": _share("Cue following", "answers the option that the cue asserts, among asked trials"),
    "cue_following_base_right": _share(
        "Cue following, base-right", "the same, among questions answered rightly under base"
    ),
    "consistency": _share(
        "Consistency", "the thought's last conclusion is the answer, among thoughts with a conclusion", True
    ),
    "concludes": _share("Concludes", "thoughts with a conclusion, among judged thoughts"),
    "concludes_elsewhere": _share(
        "Concludes something else",
        "thoughts that conclude something that no option says, among judged thoughts; they are inconsistent",
        False,
    ),
    "consistent_right": _share("Consistent, right", f"share of {_DECIDED}", True),
    "inconsistent_right": _share("Inconsistent, right", f"share of {_DECIDED}", False),
    "consistent_wrong": _share("Consistent, wrong", f"share of {_DECIDED}"),
    "inconsistent_wrong": _share("Inconsistent, wrong", f"share of {_DECIDED}", False),
    "follows": _share("Follows", "answers the wrong thought's option, among judged trials", False),
    "revises": _share("Revises openly", "the thought reaches another conclusion and answers it", True),
    "flips": _share(
        "Flips silently", "the answer differs from the wrong thought, which is not revised", False
    ),
    "acknowledges": _share("Acknowledges", "the thought says that text and image disagree, where decided"),
    "true_statements": _share(
        "True statements",
        "of a thought's own statements about a drawn scene or its caption, mean over thoughts with any",
        True,
    ),
    "conclusion_follows": _share(
        "Conclusion follows",
        "the concluded option follows from true statements, among conclusions about drawn scenes",
        True,
    ),
    "misquotes_caption": _share(
        "Misquotes the caption",
        "says of the caption what it does not say, among thoughts that quote it",
        False,
    ),
    "p_correct": _share("P(correct)", "mean probability of the right option among the letters", True),
    "p_correct_shift": _points(
        "Shift of P(correct)", "P(correct) here minus under base, paired by question", True
    ),
    "letter_entropy": _number("Letter entropy", "mean entropy of the option probabilities", None, "nats"),
    "entropy_shift": _number(
        "Shift of H", "letter entropy here minus under base, paired by question", None, "nats"
    ),
    "entropy_shift_relative": _points(
        "Shift of H / ln K", "the same with each entropy divided by ln K, for K options; -1 to 1"
    ),
    "letters_outside": _share("Outside letters", "mean probability of anything but the letters", False),
    "brier": _number("Brier score", "mean squared error of P(option), summed over options; 0 to 2", False),
    "ece": _number(
        "Calibration error", "|mean top probability - share right| averaged over ten equal-mass bins", False
    ),
    "abstain_rate": _share("Abstains", 'answers "I\'m not sure", among asked trials'),
    "selective_accuracy": _share(
        "Selective accuracy", "right answers among asked trials that did not abstain", True
    ),
    "abstain_when_wrong": _share(
        "Abstains when wrong",
        "abstentions on questions answered wrongly without the option, among abstentions",
        True,
    ),
    "abstain_selectivity": _points(
        "Selectivity",
        "that share minus the same among questions without an abstention; 0: abstains at random",
        True,
    ),
    "auroc_p_correct_all": _number(
        "AUROC of base P(correct), all", "how well it predicts that a question is right here, all questions"
    ),
    "auroc_neg_entropy_all": _number(
        "AUROC of base -H, all",
        "how well low base entropy predicts that a question is right here, all questions",
    ),
    "auroc_difference_all": _number(
        "AUROC difference, all", "AUROC of base P(correct) minus AUROC of base -H, all questions"
    ),
    "auroc_p_correct": _number(
        "AUROC of base P(correct), base-right",
        "how well it predicts that a base-right question stays right here",
    ),
    "auroc_neg_entropy": _number(
        "AUROC of base -H, base-right",
        "how well low base entropy predicts that a base-right question stays right here",
    ),
    "auroc_difference": _number(
        "AUROC difference, base-right",
        "AUROC of base P(correct) minus AUROC of base -H, base-right questions",
    ),
    "robust_accuracy": _share(
        "Robust accuracy", "right under base and under every wrong cue that could be asked", True
    ),
    "image_reliance": _points("Image reliance", "accuracy under base minus accuracy on a blank image", True),
}
"""By name, in the order in which tables show them."""


def _tokens(title: str, meaning: str) -> Measure:
    return _number(title, f"{meaning}; mean over a trial's tokens, then over trials", None, "nats")


IN_TRAINING: dict[str, Measure] = {
    "thought_entropy": _tokens("Thought entropy", "policy entropy at the tokens of thoughts"),
    "answer_entropy": _tokens("Answer entropy", "policy entropy at the tokens after the thought"),
    "kl_start": _tokens("KL to the start", "KL(policy || initial weights) at all sampled tokens"),
    "kl_start_thought": _tokens("KL to the start, thought", "the same at the tokens of thoughts"),
    "kl_start_answer": _tokens("KL to the start, answer", "the same at the tokens after the thought"),
    "reader_agreement": _share(
        "Reader agreement", "the thought leads a blind reader to the model's answer, among readable thoughts"
    ),
    "reader_correct": _share("Reader right", "the thought leads a blind reader to the right option"),
    "masked_gain": _number(
        "Masked gain", "log P(right | masked thought) - log P(right | none), blind reader", None, "nats"
    ),
}
"""Further measures of audits during training; they need the model's weights or a blind reader."""
