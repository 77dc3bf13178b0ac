"""Writes the folder from which verl trains a config."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unswayed.question import Question
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic
from unswayed.training.config.grpo import GrpoConfig
from unswayed.training.verl.rows import AGENT, data_rows
from unswayed.training.verl.settings import command_line, reward_json, verl_options

_ROW = pa.schema(
    [
        ("data_source", pa.string()),
        ("agent_name", pa.string()),
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        (
            "extra_info",
            pa.struct(
                [("index", pa.int64())]
                + [(name, pa.string()) for name in ("uid", "condition", "prefill", "case")]
            ),
        ),
    ]
)
_BATCH = 64
_PLUGIN = '''"""verl loads its reward manager from a file."""

from unswayed.training.verl.plugin import RewardManager  # noqa: F401
'''
_LOOPS = f"""- name: {AGENT}
  _target_: unswayed.training.verl.plugin.PrefillAgentLoop
"""


def export_for_verl(
    config: GrpoConfig, questions: Sequence[Question], dev: Sequence[Question], folder: Path
) -> Path:
    """Write data, options and ``run.sh`` into `folder`; the script's path. Raises `BadInput`.

    `dev`: the questions of the audits; verl validates on them.
    """
    folder = folder.resolve()
    options = verl_options(config, folder)
    with os_errors_as_bad_input(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_rows(folder / "train.parquet", data_rows(questions, config))
        _write_rows(folder / "dev.parquet", data_rows(dev, config))
    write_atomic(folder / "agent_loops.yaml", _LOOPS.encode())
    write_atomic(folder / "plugin.py", _PLUGIN.encode())
    lines = " \\\n    ".join(shlex.quote(line) for line in command_line(options))
    script = (
        "#!/usr/bin/env bash\n"
        "# verl 0.9 in an environment with `unswayed`; add options of the machine behind, e.g.\n"
        "# trainer.n_gpus_per_node=8 data.max_prompt_length=4096 actor_rollout_ref.rollout.name=vllm\n"
        "set -euo pipefail\n"
        f"export UNSWAYED_VERL_REWARD={shlex.quote(reward_json(config.reward))}\n"
        f'python -m verl.trainer.main_ppo \\\n    {lines} "$@"\n'
    )
    path = folder / "run.sh"
    write_atomic(path, script.encode())
    path.chmod(0o755)
    return path


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    part = path.with_name(path.name + ".part")
    batch: list[dict[str, Any]] = []
    with pq.ParquetWriter(part, _ROW) as writer:
        for row in rows:
            batch.append(row)
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=_ROW))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema=_ROW))
    part.replace(path)
