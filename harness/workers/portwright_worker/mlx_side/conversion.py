"""The op ``cast``: the port as ``mlx_lm.convert`` writes it in one dtype, opened as it was saved, and run."""

from __future__ import annotations

import mlx.core as mx
from mlx.utils import tree_map_with_path

from ..session import Session, WorkerError
from . import kernels, values
from .forward import logits_of, require_in_vocabulary, write
from .loading import DTYPES, dtype_name, load
from .roundtrip import reopened


def cast(session: Session, request: dict) -> dict:
    """Op ``cast``: logits of the port whose weights have the dtype, but those that it holds back."""
    dtype = DTYPES[request["dtype"]]
    handle = load(request["checkpoint"], None)
    if not handle.opened:
        raise WorkerError("unsupported", "the port does not load the checkpoint")
    require_in_vocabulary(handle, request["tokens"])
    counts = getattr(handle.model, "cast_predicate", lambda _: True)

    def narrowed(name: str, weight: mx.array) -> mx.array:
        return weight.astype(dtype) if counts(name) and mx.issubdtype(weight.dtype, mx.floating) else weight

    handle.model.update(tree_map_with_path(narrowed, handle.model.parameters()))
    kernels.evaluate(handle.model.parameters())
    again = reopened(handle, request["folder"], None, "converted")
    logits = logits_of(again.model(mx.array(request["tokens"])))
    kernels.evaluate(logits)
    write({"logits": values.to_numpy(logits, False)}, request["out"])
    return {"shape": list(logits.shape), "dtype": dtype_name(logits), "seconds": 0.0}
