"""The op ``quantised``: the port as ``mlx_lm.convert -q`` makes it, saved, opened again and run.

A port that reads a layer's weights itself, in place of calling the layer, works until the weights are
packed; one whose ``sanitize`` knows weights by their names may lose the scales beside them.
"""

from __future__ import annotations

import mlx.core as mx
from mlx.utils import tree_flatten

from ..session import Session, WorkerError
from . import kernels, library, values
from .forward import logits_of, require_in_vocabulary, write
from .loading import dtype_name, load
from .roundtrip import reopened


def quantised(session: Session, request: dict) -> dict:
    """Op ``quantised``: logits of the quantised port, and which layers were packed."""
    bits, group = request["bits"], request["group"]
    handle = load(request["checkpoint"], request.get("dtype", "float32"))
    require_in_vocabulary(handle, request["tokens"])
    utils = library.import_mlx_lm()
    model, config = utils.quantize_model(handle.model, handle.config, group, bits)
    packed = [name.removesuffix(".scales") for name, _ in tree_flatten(model.parameters())
              if name.endswith(".scales")]
    if not packed:
        raise WorkerError("unsupported", f"no layer's rows divide into groups of {group}")
    handle.model, handle.config = model, config
    kernels.evaluate(model.parameters())
    again = reopened(handle, request["folder"], handle.dtype, "quantised")
    logits = logits_of(again.model(mx.array(request["tokens"])))
    kernels.evaluate(logits)
    write({"logits": values.to_numpy(logits, False)}, request["out"])
    return {"packed": packed, "dtype": dtype_name(logits)}
