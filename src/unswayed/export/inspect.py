"""Writes a run as a log of inspect_ai, with inspect_ai's own classes and writer."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from unswayed.backends.inspect.package import import_inspect_ai
from unswayed.errors import BadInput
from unswayed.export import log
from unswayed.export.sample import ImageUri
from unswayed.pipeline.audit import Run
from unswayed.store.atomic_files import os_errors_as_bad_input

ENDING = ".eval"


def to_inspect(run: Run, out: Path, image_uri: ImageUri) -> int:
    """Write `run` to `out`, a file ending in ``.eval`` that appears whole; returns how many samples it has.

    `image_uri` gives an image's data URI. All samples are in memory at once: inspect_ai writes whole logs.
    Raises `BadInput` for a run without answers or another ending, `MissingExtra` without inspect_ai.
    """
    if out.suffix != ENDING:
        raise BadInput(f"--out is {out}; inspect_ai's logs end in {ENDING}")
    logs = import_inspect_ai("a log for inspect_ai is written by").log
    cached = functools.cache(image_uri)
    samples = [logs.EvalSample.model_validate(s) for s in log.samples(run.trials, run.manifest, cached)]
    if not samples:
        raise BadInput(
            f"{run.path or 'the run'}: holds no trial that was asked, so there is nothing to export"
        )
    fields = log.header(run.manifest, run.summary(), (s.id for s in samples))
    log_file = logs.EvalLog.model_validate({**fields, "samples": samples})
    temporary = out.with_name(f".{out.stem}.{os.getpid()}{ENDING}")
    with os_errors_as_bad_input(out):
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            logs.write_eval_log(log_file, str(temporary))
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    return len(samples)
