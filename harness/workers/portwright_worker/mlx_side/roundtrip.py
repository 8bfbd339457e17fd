"""The op ``roundtrip``: save the port as ``mlx_lm.convert`` does, open it again, compare bits.

What ``sanitize`` does to a checkpoint it must not do a second time to its own output; `+1` on norm
scales is the classic.
"""

from __future__ import annotations

import copy
import inspect
import os

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten

from ..session import Session, WorkerError
from . import library
from .loading import Handle, load


def roundtrip(session: Session, request: dict) -> dict:
    """Op ``roundtrip``."""
    handle: Handle = session.handle(request["handle"])
    save(handle, request["out"])
    again = load(request["out"], handle.dtype)
    if not again.opened:
        return {"equal": False, "opened": False, "load": {
            "missing": again.missing, "unexpected": again.unexpected,
            "mismatched": again.mismatched}, "differing": [], "differences": {}}
    first = tree_flatten(handle.model.parameters(), destination={})
    second = tree_flatten(again.model.parameters(), destination={})
    mx.eval(second)
    differing = [name for name in first if not _same(first[name], second.get(name))]
    return {
        "equal": not differing, "opened": True, "load": None, "differing": differing,
        "differences": {name: _difference(first[name], second[name]) for name in differing},
    }


def save(handle: Handle, folder: str) -> None:
    """A checkpoint of the port, by the two calls of ``mlx_lm.utils.save`` that concern the model."""
    utils = library.import_mlx_lm()
    os.makedirs(folder, exist_ok=True)
    utils.save_model(folder, handle.model, donate_model=False)
    options = {}
    if "keep_vision_config" in inspect.signature(utils.save_config).parameters:
        options["keep_vision_config"] = "vision_tower" in getattr(handle.model, "model", {})
    utils.save_config(copy.deepcopy(handle.config), config_path=os.path.join(folder, "config.json"),
                      **options)


def reopened(handle: Handle, folder: str, dtype: str | None, how: str) -> Handle:
    """The port after it was saved, which it must be able to load; `how` says what was done to it."""
    save(handle, folder)
    again = load(folder, dtype)
    if not again.opened:
        misfits = [it["name"] for it in again.mismatched]
        names = ", ".join((misfits + again.missing + again.unexpected)[:3])
        raise WorkerError("exception", f"the {how} checkpoint that the port was saved as does not load: {names}")
    return again


def _same(a: mx.array, b: mx.array | None) -> bool:
    if b is None or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return _bits(a) == _bits(b)


def _bits(array: mx.array) -> bytes:
    if array.dtype == mx.bfloat16:
        array = array.view(mx.uint16)
    return np.array(array).tobytes()


def _difference(a: mx.array, b: mx.array) -> float | None:
    """The largest change; for `+1` applied twice it is 1."""
    if a.shape != b.shape:
        return None
    change = float(mx.max(mx.abs(a.astype(mx.float32) - b.astype(mx.float32))).item())
    return change if np.isfinite(change) else None
