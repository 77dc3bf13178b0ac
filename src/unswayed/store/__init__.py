"""The run folder: written by `RunWriter`, read by `load`, changed beside its trials by `RunEditor`.

::

    run_folder           reading; the layout of the folder
    run_writer           append-only writing, resume
    parts                one run written by several processes
    manifest             what a run asked, and with which versions
    shards               trials as checksummed lines
    trial_order, tables  from these lines to a Parquet table
    verdicts             judges' verdicts beside the trials
    study_records        the tables that a study leaves
    checksummed_lines, atomic_files    how bytes reach the disk
"""

from unswayed.store.parts import Part
from unswayed.store.run_folder import RunEditor, load
from unswayed.store.run_writer import IMAGE_BUDGET, RunWriter
from unswayed.store.shards import PositionedTrial, TrialUpdate
from unswayed.store.tables import MemoryStore

__all__ = [
    "IMAGE_BUDGET",
    "MemoryStore",
    "Part",
    "PositionedTrial",
    "RunEditor",
    "RunWriter",
    "TrialUpdate",
    "load",
]
