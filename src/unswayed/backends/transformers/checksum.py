"""Which weights these are: a hash over the files of a model's folder.

Every file that decides what the model does counts: weights, configuration, tokenizer, template.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

WHOLE = 8 * 2**30
"""Bytes of a folder up to which all of it is hashed; of larger weight files, samples are."""
_SAMPLES, _BLOCK = 64, 2**20
_KINDS = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".py"}
_BESIDE = ("training_args", "trainer_state", "optimizer", "scheduler", "rng_state", "scaler", "all_results")


def folder_revision(folder: Path) -> str:
    """``sha256:`` and 40 hexadecimal digits, or ``sha256-sampled:`` for folders larger than `WHOLE`.

    Samples are the size, the first and the last megabyte and 64 in between, of every file.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix in _KINDS and p.is_file())
    files = [p for p in files if not p.name.startswith(_BESIDE) and not _hidden(p.relative_to(folder))]
    stats = [(p, p.stat()) for p in files]
    return _hashed(str(folder), tuple((str(p), s.st_size, s.st_mtime_ns) for p, s in stats), WHOLE)


@lru_cache(maxsize=32)
def _hashed(folder: str, files: tuple[tuple[str, int, int], ...], whole: int) -> str:
    sampled = sum(size for _, size, _ in files) > whole
    total = hashlib.sha256()
    for name, size, _ in files:
        path = Path(name)
        digest = _sampled(path, size) if sampled else _whole(path)
        total.update(f"{path.relative_to(folder).as_posix()}\0{size}\0{digest}\n".encode())
    return f"sha256{'-sampled' if sampled else ''}:{total.hexdigest()[:40]}"


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sampled(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    last = max(0, size - _BLOCK)
    with path.open("rb") as file:
        for at in sorted({last * i // (_SAMPLES + 1) for i in range(_SAMPLES + 2)}):
            file.seek(at)
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "checkpoint-")) for part in path.parts)
