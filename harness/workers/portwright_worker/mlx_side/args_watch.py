"""Which fields of config.json a port takes, and which of those it ever reads.

``BaseModelArgs.from_dict`` silently drops unknown keys, and a field that was taken may still
never be used: both hide real bugs. The args instance gets a subclass of its class whose attribute
reads are noted.
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import Any, Iterator


@dataclass
class Record:
    """One args object: the fields it has, and the keys it was made from."""

    name: str
    fields: list[str]
    used: list[str]
    ignored: list[str]


class Watch:
    """All args objects of a model, and the fields read of them so far."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.top = Record("", [], [], [])
        self._read: set[str] = set()

    def read(self) -> list[str]:
        """The fields read so far, while building and in forwards."""
        return sorted(self._read)

    def add(self, args: Any, keys: dict, top: bool = False) -> None:
        """Note an args object made from ``keys`` and watch it from now on."""
        cls = type(args)
        if not hasattr(cls, "_portwright_plain"):
            names = ([it.name for it in dataclasses.fields(args)] if dataclasses.is_dataclass(args)
                     else [it for it in vars(args) if not it.startswith("_")])
            known = set(names)
            self.records.append(Record(
                cls.__name__, names, [it for it in keys if it in known],
                [it for it in keys if it not in known]))
            # A class with __slots__ or a layout of its own cannot be watched; then nothing is.
            with contextlib.suppress(TypeError, AttributeError):
                object.__setattr__(args, "__class__", self._watched(cls, known))
        if top:
            self.top = self.records[-1] if self.records else self.top

    def _watched(self, cls: type, fields: set[str]) -> type:
        read = self._read

        def getattribute(instance: Any, name: str) -> Any:
            if name in fields:
                read.add(name)
            return cls.__getattribute__(instance, name)

        return type(cls.__name__, (cls,), {
            "__module__": cls.__module__, "__qualname__": cls.__qualname__,
            "__getattribute__": getattribute, "_portwright_plain": cls})


@contextlib.contextmanager
def nested(watch: Watch) -> Iterator[None]:
    """Watch also the args that a port makes of a part of the config (``text_config``)."""
    import mlx_lm.models.base as base

    plain = base.BaseModelArgs.__dict__["from_dict"]

    def from_dict(cls: type, params: dict) -> Any:
        args = plain.__func__(cls, params)
        watch.add(args, params)
        return args

    base.BaseModelArgs.from_dict = classmethod(from_dict)
    try:
        yield
    finally:
        base.BaseModelArgs.from_dict = plain
