"""Runs in the formats of other tools. `to_inspect` writes a log that inspect_ai's viewer opens.

::

    sample     one trial as the fields of a sample; pure
    log        one run as the fields of a log, its results by condition; pure
    inspect    checks these with inspect_ai's own classes and writes the file
"""

from unswayed.export.inspect import to_inspect

__all__ = ["to_inspect"]
