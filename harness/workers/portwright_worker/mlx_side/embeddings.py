"""A port fed the rows of its embedding in place of tokens, as mlx-lm's generation feeds what sees or hears."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import mlx.core as mx
import mlx.nn as nn

from ..session import WorkerError
from . import kernels
from .taps import submodules, watch

# The name that mlx-lm's generation uses.
ARGUMENT = "input_embeddings"


def forward(model: nn.Module, tokens: mx.array, logits_of: Callable[[Any], mx.array]) -> mx.array:
    """Logits for the rows that the port's own embedding gives for the tokens. [B, T] -> [B, T, V]

    Some ports want them as a definition's scaled embedding hands them on, times the root of the width: of the
    two the one counts that comes nearer to the plain forward.
    """
    if ARGUMENT not in inspect.signature(type(model).__call__).parameters:
        raise WorkerError("unsupported", f"the port takes no `{ARGUMENT}`")
    rows, seen = _rows(model, tokens)
    plain = logits_of(seen)
    # A port may write into what it is given, so each call gets an array of its own.
    of = lambda scale: logits_of(model(tokens, **{ARGUMENT: rows * scale}))  # noqa: E731
    asked = [of(1.0), of(rows.shape[-1] ** 0.5)]
    without = of(0.0)
    kernels.evaluate(asked, without)
    off = lambda it: mx.max(mx.abs(it - plain)).item()  # noqa: E731
    logits = min(asked, key=off)
    if mx.array_equal(logits, without).item():
        raise WorkerError("exception", f"the port takes `{ARGUMENT}` and does not read them: zeros give "
                                       "the same logits")
    return logits


def _rows(model: nn.Module, tokens: mx.array) -> tuple[mx.array, Any]:
    """What the first embedding that reads the tokens makes of them [B, T, D], and what the model returns."""
    seen: list[mx.array] = []
    classes = []
    for _, module in submodules(model):
        if isinstance(module, nn.Embedding):
            classes.append((module, type(module)))
            watch(module, lambda it: seen.append(mx.array(it)))
    try:
        returned = model(tokens)
        kernels.evaluate(seen)
    finally:
        for module, cls in classes:
            object.__setattr__(module, "__class__", cls)
    rows = next((it for it in seen if it.ndim == 3 and it.shape[:2] == tokens.shape), None)
    if rows is None:
        raise WorkerError("unsupported", "no embedding of the port reads the tokens as they are")
    return rows, returned
