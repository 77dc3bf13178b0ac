"""Pure parsing of generations into thought and answer, and measures of option probabilities."""

from unswayed.answers.letter_probs import LetterMeasures, letter_prefill, measure_letters
from unswayed.answers.parser import GRAMMAR, Reading, read

__all__ = ["GRAMMAR", "LetterMeasures", "Reading", "letter_prefill", "measure_letters", "read"]
