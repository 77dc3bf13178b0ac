"""Numbers that other trainers logged, by step: `read_log` knows each by its content.

::

    trainer_state.json      transformers and TRL: ``{"log_history": [{"step": 10, "loss": …}, …]}``
    *.jsonl                 verl: ``{"step": 10, "data": {"actor/entropy": …}}``; EasyR1: nested tables beside
                            ``step``; W&B history and others: flat, with ``step`` or ``_step``
    *.csv                   a W&B export: columns ``Step`` and names, or ``RUN - NAME`` from a chart
    events.out.tfevents.*   TensorBoard, or a folder of them (needs the package tensorboard)
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput, MissingExtra

LARGEST = 500_000_000
"""Bytes of a log that is read."""
_STEPS = ("step", "_step", "global_step", "train/global_step", "training/global_step")
_CHART_PARTS = ("__MIN", "__MAX")


@dataclass(frozen=True)
class Point:
    """One logged number."""

    step: int
    name: str
    """As the trainer calls it; nested names are joined by ``/``."""
    value: float


def read_log(path: str | Path) -> list[Point]:
    """All finite numbers of a log, in its order. Raises `BadInput` for what is none, naming the line."""
    path = Path(path)
    if path.is_dir() or path.name.startswith("events.out.tfevents"):
        return _with_points(list(_tensorboard(path)), path)
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path}: has more than {LARGEST:,} bytes; export fewer measures or steps")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a trainer's log") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text ({error}); give a trainer's log") from error
    if path.suffix == ".csv":
        return _with_points(list(_csv(text, path)), path)
    if path.name.endswith("state.json") or path.suffix == ".json":
        return _with_points(list(_trainer_state(text, path)), path)
    return _with_points(list(_json_lines(text, path)), path)


def _with_points(points: list[Point], path: Path) -> list[Point]:
    if not points:
        raise BadInput(f"{path}: holds no number with a step; give the log of a training")
    return points


def _trainer_state(text: str, path: Path) -> Iterator[Point]:
    value = _parsed(text, str(path))
    history = value.get("log_history") if isinstance(value, dict) else None
    if not isinstance(history, list):
        raise BadInput(f"{path}: has no log_history; give the trainer_state.json of a checkpoint")
    for number, row in enumerate(history):
        yield from _row(row, f"{path} log_history[{number}]")


def _json_lines(text: str, path: Path) -> Iterator[Point]:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _parsed(line, f"{path} line {number}")
        except BadInput:
            if number == len(lines):  # a training that was killed while it wrote
                return
            raise
        yield from _row(row, f"{path} line {number}")


def _row(row: Any, where: str) -> Iterator[Point]:
    if not isinstance(row, dict):
        raise BadInput(f"{where}: is {type(row).__name__}; a logged step is an object with a step")
    step = next((row[name] for name in _STEPS if name in row), None)
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0 <= step < 2**53:
        raise BadInput(f"{where}: has no step; it is looked for under {', '.join(_STEPS)}")
    numbers = row["data"] if isinstance(row.get("data"), dict) else row
    for name, value in _flat(numbers):
        if name not in _STEPS and name != "epoch":
            yield Point(int(step), name, value)


def _flat(numbers: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    for name, value in numbers.items():
        if isinstance(value, dict) and depth < 8:
            yield from _flat(value, f"{before}{name}/", depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
            yield before + name, float(value)


def _csv(text: str, path: Path) -> Iterator[Point]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        head = next(reader, [])
        column = next((i for i, name in enumerate(head) if name.lower() in _STEPS), None)
        if column is None:
            raise BadInput(f"{path}: has no column Step; export it from W&B with its steps")
        names = [name.rsplit(" - ", 1)[-1] for name in head]
        for row in reader:
            step = _number(row[column]) if len(row) > column else None
            if step is None or step < 0:
                continue
            for i, cell in enumerate(row[: len(head)]):
                if i != column and not head[i].endswith(_CHART_PARTS):
                    value = _number(cell)
                    if value is not None:
                        yield Point(int(step), names[i], value)
    except csv.Error as error:
        raise BadInput(f"{path} line {reader.line_num}: {error}; export it again") from error


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: is not JSON ({error})") from error


def _tensorboard(path: Path) -> Iterator[Point]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise MissingExtra(f"{path}: to read TensorBoard's files: pip install tensorboard") from error
    if not path.exists():
        raise BadInput(f"{path}: does not exist; give a folder of TensorBoard event files")
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            if math.isfinite(event.value):
                yield Point(int(event.step), name, float(event.value))
