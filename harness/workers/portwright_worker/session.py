"""What an op works with: its session, and the failure that it can explain."""

from __future__ import annotations

from typing import Any, Callable


class WorkerError(Exception):
    """A failure that the harness can explain: its kind, its place and what to do next."""

    def __init__(self, kind: str, message: str, *, file: str | None = None,
                 line: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.kind, self.file, self.line, self.hint = kind, file, line, hint


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


Op = Callable[[Session, dict], dict]
