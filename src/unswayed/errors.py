"""Every error that `unswayed` raises on purpose, and what each one costs the caller.

::

    UnswayedError            root: one clear sentence that names the place and the remedy
    ├── BadInput             the user's file, row or option is wrong  (ValueError, exit code 2)
    ├── BadImage             one picture cannot be read               (ValueError; an `error` trial)
    ├── RunChanged           a run folder belongs to another manifest (ValueError, exit code 2)
    ├── MissingExtra         an optional package is not installed     (ImportError, exit code 2)
    ├── TrainingFailed       a training diverged or collapsed         (RuntimeError, exit code 1)
    └── BackendError         a model could not be asked               (RuntimeError)
"""

from __future__ import annotations


class UnswayedError(Exception):
    """Root of all errors raised on purpose; its text is fit to be shown to a user as it is."""


class BadInput(UnswayedError, ValueError):
    """A file, row or option given by the user is wrong; the text names it and the remedy."""


class BadImage(UnswayedError, ValueError):
    """One picture cannot be read; a run records it as an `error` state and goes on."""


class RunChanged(UnswayedError, ValueError):
    """A run folder was begun with another manifest; the text shows the difference."""


class MissingExtra(UnswayedError, ImportError):
    """An optional package is needed; the text names the extra that brings it."""


class TrainingFailed(UnswayedError, RuntimeError):
    """A training was begun and came to nothing; the text says at which step, why, and what to change."""


class BackendError(UnswayedError, RuntimeError):
    """A model could not be asked; `transient` ones are retried by the runner."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
