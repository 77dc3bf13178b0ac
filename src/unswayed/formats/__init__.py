"""Prompt formats: how models are asked, and how they mark thoughts and answers. No other package knows marks.

::

    format      one format, as a value; the common one
    files       formats as TOML files
    registry    presets of known models, and which is native to a model
"""

from unswayed.formats.format import COMMON, SUMMARY, THINK, Format, Marks

__all__ = ["COMMON", "SUMMARY", "THINK", "Format", "Marks"]
