"""Taps: the output of every submodule in the order in which they finish.

A module is called through its class, so a tapped module gets a subclass of its class, of the same
name, whose ``__call__`` keeps the result. The graph that MLX evaluates is the same one.
"""

from __future__ import annotations

from typing import Any, Iterator

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from . import values


class Taps:
    """Context manager: while open, the model's submodules note what they return."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._plain: list[tuple[nn.Module, type]] = []
        self._seen: list[tuple[str, str, mx.array]] = []

    def __enter__(self) -> Taps:
        for path, module in submodules(self._model):
            self._plain.append((module, type(module)))
            cls = type(module).__name__
            watch(module, lambda out, path=path, cls=cls: self._note(path, cls, out))
        return self

    def __exit__(self, *_: object) -> None:
        for module, cls in self._plain:
            object.__setattr__(module, "__class__", cls)

    def _note(self, path: str, cls: str, output: Any) -> None:
        array = first_floating(output)
        if array is not None:
            self._seen.append((path, cls, array))

    def collect(self, wide: bool) -> tuple[list[dict], dict[str, np.ndarray]]:
        """The taps' descriptions, and their tensors by key."""
        listed, tensors, calls = [], {}, {}
        lost = _evaluate([array for _, _, array in self._seen])
        for i, (path, cls, array) in enumerate(self._seen):
            calls[path] = calls.get(path, 0) + 1
            name = path if calls[path] == 1 else f"{path}#{calls[path]}"
            dtype = str(array.dtype).rpartition(".")[2]
            entry = {"path": name, "class": cls, "key": None, "shape": list(array.shape),
                     "dtype": dtype, "nominal": dtype}
            if i in lost:
                entry["reason"] = lost[i]
            else:
                entry["key"] = name
                tensors[name] = values.to_numpy(array, wide)
            listed.append(entry)
        return listed, tensors


def submodules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module below the model once, with its path; a shared one under its first path."""
    seen = {id(model)}
    # `named_modules` walks a stack: reversed, it gives the order of definition.
    for path, module in reversed(model.named_modules()):
        if id(module) not in seen:
            seen.add(id(module))
            yield path, module


def watch(module: nn.Module, after: Any, before: Any = None) -> None:
    """Call ``after(output)`` each time the module has run, and ``before(args, kwargs)`` ahead."""
    cls = type(module)

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(args, kwargs)
        output = cls.__call__(self, *args, **kwargs)
        after(output)
        return output

    watched = type(cls.__name__, (cls,), {
        "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__call__": call})
    object.__setattr__(module, "__class__", watched)


def first_floating(output: Any) -> mx.array | None:
    """The first floating array in what a module returned."""
    if isinstance(output, mx.array):
        return output if mx.issubdtype(output.dtype, mx.floating) else None
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        for it in output:
            found = first_floating(it)
            if found is not None:
                return found
    return None


def _evaluate(arrays: list[mx.array]) -> dict[int, str]:
    """Evaluate all at once; index and reason of those that cannot be, such as traced ones."""
    try:
        mx.eval(arrays)
        return {}
    except (RuntimeError, ValueError):
        lost = {}
        for i, array in enumerate(arrays):
            try:
                mx.eval(array)
            except (RuntimeError, ValueError) as error:
                lost[i] = f"called inside a compiled function: {error}"
        return lost
