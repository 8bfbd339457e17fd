"""What an op works with: its session, and the failure that it can explain."""

from __future__ import annotations

import sys
from typing import Any, Callable

from portwright.unsupported import Unsupported

try:
    import resource
except ImportError:  # the embedded runtime has no such module: the harness asks the system itself
    resource = None


class WorkerError(Exception):
    """A failure that the harness can explain: its kind, its place and what to do next."""

    def __init__(self, kind: str, message: str, *, file: str | None = None,
                 line: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.kind, self.file, self.line, self.hint = kind, file, line, hint

    @classmethod
    def of(cls, error: WorkerError | Unsupported) -> WorkerError:
        """Either failure that we raise ourselves, as the one that is told."""
        if isinstance(error, Unsupported):
            return cls("unsupported", str(error), hint=error.hint)
        return error


class Session:
    """What one session holds: opened models by handle name, and the engine's own notes."""

    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}

    def handle(self, name: str) -> Any:
        """The model opened as ``name``."""
        try:
            return self.handles[name]
        except KeyError:
            raise WorkerError("exception", f"no model is open as `{name}`") from None


def peak_bytes() -> int | None:
    """The most memory that this process has held."""
    if resource is None:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes, but on macOS.
    return most if sys.platform == "darwin" else most * 1024


Op = Callable[[Session, dict], dict]
