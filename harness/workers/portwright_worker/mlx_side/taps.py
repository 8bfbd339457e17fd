"""Taps: the output of every submodule in the order in which they finish, with what entered layers and
attention.

A module is called through its class, so a tapped module gets a subclass of its class, of the same
name, whose ``__call__`` keeps the result. The graph that MLX evaluates is the same one.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from ..session import WorkerError
from ..stacks import is_layer
from . import values


class Taps:
    """Context manager: while open, the model's submodules note what they return."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._plain: list[tuple[nn.Module, type]] = []
        self._seen: list[tuple[str, mx.array]] = []
        # The modules that are being called, the innermost last.
        self._inside: list[str] = []

    def __enter__(self) -> Taps:
        for path, module in submodules(self._model):
            self._plain.append((module, type(module)))
            watch(module, self._leaving(path), self._entering(path))
        self._attend = mx.fast.scaled_dot_product_attention
        mx.fast.scaled_dot_product_attention = self._attending
        self._softmax = mx.softmax
        mx.softmax = self._weighing
        return self

    def __exit__(self, *_: object) -> None:
        mx.fast.scaled_dot_product_attention = self._attend
        mx.softmax = self._softmax
        self.let_go()

    def feed(self, arrays: dict[str, mx.array]) -> None:
        """Hand layers these inputs, by their paths, in place of those that arrive, which are kept."""
        for path, module in submodules(self._model):
            if path in arrays:
                self._plain.append((module, type(module)))
                watch(module, lambda _: None, self._feeding(path, arrays[path]))

    def let_go(self) -> None:
        """Give every module its own class back."""
        for module, cls in self._plain:
            object.__setattr__(module, "__class__", cls)

    def _leaving(self, path: str) -> Callable:
        def leaving(output: Any) -> None:
            self._inside.pop()
            self._note(path, output)

        return leaving

    def _entering(self, path: str) -> Callable:
        def entering(args: tuple, kwargs: dict) -> None:
            self._inside.append(path)
            if is_layer(path):
                self._note(f"{path}:input", (args, kwargs))

        return entering

    def _feeding(self, path: str, ours: mx.array) -> Callable:
        def feeding(args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            arrived = first_floating((args, kwargs))
            if arrived is None or arrived.size != ours.size:
                raise WorkerError("unsupported", f"the input of `{path}` has another shape")
            self._note(f"{path}:input", arrived)
            array = ours.reshape(arrived.shape).astype(arrived.dtype)
            swap = lambda it: array if it is arrived else it  # noqa: E731
            return tuple(swap(it) for it in args), {name: swap(it) for name, it in kwargs.items()}

        return feeding

    def _attending(self, q: mx.array, k: mx.array, v: mx.array, *args: Any, scale: float,
                   mask: Any = None, **options: Any) -> mx.array:
        """The attention function whose operands are kept: the queries with their scale. [B, H, T, D]"""
        output = self._attend(q, k, v, *args, scale=scale, mask=mask, **options)
        if self._inside:
            operands = {"value": v, "key": k, "query": q * scale, "mask": allowed(mask, q, k),
                        "sinks": options.get("sinks"), "scores": scored(mask, q * scale, k),
                        "attended": output}
            for name, operand in operands.items():
                self._note(f"{self._inside[-1]}:{name}", operand)
        return output

    def _weighing(self, scores: mx.array, *args: Any, **options: Any) -> mx.array:
        """The softmax whose input is kept, where it weighs keys: what a mask hides is 0. [B, H, T, S]"""
        if self._inside and scores.ndim >= SCORES:
            self._note(f"{self._inside[-1]}:scores", mx.where(scores > HIDDEN, scores, 0.0))
        return self._softmax(scores, *args, **options)

    def _note(self, path: str, output: Any) -> None:
        array = first_floating(output)
        if array is not None:
            self._seen.append((path, array))

    def collect(self, wide: bool) -> tuple[list[dict], dict[str, np.ndarray]]:
        """The taps' descriptions, and their tensors by key."""
        listed, tensors, calls = [], {}, {}
        lost = _evaluate([array for _, array in self._seen])
        for i, (path, array) in enumerate(self._seen):
            calls[path] = calls.get(path, 0) + 1
            name = path if calls[path] == 1 else f"{path}#{calls[path]}"
            dtype = str(array.dtype).rpartition(".")[2]
            entry = {"path": name, "key": None, "shape": list(array.shape),
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


def watch(module: nn.Module, after: Callable, before: Callable | None = None) -> None:
    """Call ``after(output)`` each time the module has run, and ``before(args, kwargs)`` ahead; what that
    returns takes the arguments' place."""
    cls = type(module)

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if before is not None and (instead := before(args, kwargs)) is not None:
            args, kwargs = instead
        output = cls.__call__(self, *args, **kwargs)
        after(output)
        return output

    watched = type(cls.__name__, (cls,), {
        "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__call__": call})
    object.__setattr__(module, "__class__", watched)


def allowed(mask: Any, q: mx.array, k: mx.array) -> mx.array:
    """Which keys the first row's queries see: 1 or 0. [T, S]"""
    shape = (q.shape[-2], k.shape[-2])
    if mask is None:
        return mx.ones(shape)
    if isinstance(mask, str):
        return mx.tril(mx.ones(shape), k=shape[1] - shape[0])
    seen = mask if mask.dtype == mx.bool_ else mask > HIDDEN
    while seen.ndim > 2:
        seen = seen[0]
    return mx.broadcast_to(seen.astype(mx.float32), shape)


def scored(mask: Any, q: mx.array, k: mx.array) -> mx.array:
    """What each query makes of each key; what the mask hides is 0. [B, H, T, S]"""
    heads = q.shape[1] // k.shape[1]
    keys = mx.repeat(k, heads, axis=1) if heads > 1 else k
    scores = q @ keys.swapaxes(-1, -2)
    if mask is None:
        return scores
    if isinstance(mask, str) or mask.dtype == mx.bool_:
        seen = allowed(mask, q, k) > 0 if isinstance(mask, str) else mask
        return mx.where(seen, scores, 0.0)
    scores = scores + mask
    return mx.where(scores > HIDDEN, scores, 0.0)


# Scores of keys have a head, a query and a key; those of a router have fewer axes.
SCORES = 4
# What a mask adds to a score that does not count is below this, and a bias above.
HIDDEN = -1e4


def first_floating(output: Any) -> mx.array | None:
    """The first floating array in what a module takes or returns."""
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
