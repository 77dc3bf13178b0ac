"""What was said: a pure reading of raw generations, and what letter probabilities amount to."""

from unswayed.answers.letters import LetterMeasures, letter_prefill, measure
from unswayed.answers.reading import GRAMMAR, Reading, read

__all__ = ["GRAMMAR", "LetterMeasures", "Reading", "letter_prefill", "measure", "read"]
