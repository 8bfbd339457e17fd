"""``forward`` and ``generate``: the model's logits for given tokens, with and without its cache."""

from __future__ import annotations

import time
from contextlib import nullcontext

import torch
from portwright.calling import Decoding, Padding, greedy, untaken

from ..session import Session, WorkerError, peak_bytes
from . import config_ledger, files, quantising
from .inputs import answer
from .taps import Fed, Taps


def forward(session: Session, request: dict) -> dict:
    """The op ``forward``."""
    if request.get("other_order") or request.get("ties"):
        raise WorkerError("unsupported", "only a model that the embedded session opened is watched or "
                                         "computed in another order")
    if request.get("embed"):
        raise WorkerError("unsupported", "the reference is fed tokens")
    if request.get("trim") is not None:
        raise WorkerError("unsupported", "the reference cannot trim every kind of its caches",
                          hint="the reference for a trimmed cache is the full forward")
    opened = session.handle(request["handle"])
    tapping, feed = bool(request.get("taps")), request.get("feed")
    if (tapping or feed) and request.get("chunks"):
        raise WorkerError("unsupported", "taps are taken from one full forward, not from chunks")
    taps = Taps(opened.model, opened.out_dtype) if tapping or feed else None
    watching = Fed(taps, feed["file"], feed["inputs"]) if feed else taps or nullcontext()
    start = time.perf_counter()
    with torch.no_grad(), config_ledger.recording(opened.config_fields):
        with watching:
            pack = request.get("pack_cache")
            logits = (_with_rounded_caches(opened.model, request, pack) if pack
                      else answer(opened.model, request, opened.dtype))
    seconds = time.perf_counter() - start
    result = {"shape": list(logits.shape), "dtype": str(logits.dtype).removeprefix("torch."),
              "seconds": seconds}
    tensors = {"logits": logits.to(opened.out_dtype)}
    padding = Padding.of(request, torch.tensor(request["tokens"])).arguments()
    if lacking := padding and untaken(opened.model, padding):
        result["untaken"] = lacking  # the positions of such a batch are the definition's own
    if taps:
        result["taps"] = taps.records
        tensors |= taps.tensors
    files.save_tensors(tensors, request["out"])
    return result


def _with_rounded_caches(model: torch.nn.Module, request: dict, pack: dict) -> torch.Tensor:
    """Logits in chunks, with keys and values rounded after the first. [B, T] -> [B, T, V]"""
    tokens, sizes = torch.tensor(request["tokens"]), request["chunks"]
    decoding, parts = Decoding(model), []
    for i, part in enumerate(tokens.split(sizes, dim=1)):
        parts.append(decoding.step(part))
        if i == 0:
            quantising.round_cache(decoding.cache, **pack)
    return torch.cat(parts, dim=1)


def generate(session: Session, request: dict) -> dict:
    """The op ``generate``: greedy, with the cache, one token at a time."""
    opened = session.handle(request["handle"])
    start = time.perf_counter()
    with config_ledger.recording(opened.config_fields):
        ids, logits = greedy(opened.model, request["prompt"], request["max_new_tokens"],
                             request.get("apart") or 0)
    seconds = time.perf_counter() - start
    files.save_tensors({"logits": logits.to(opened.out_dtype)}, request["out"])
    return {"ids": ids, "seconds": seconds, "peak_bytes": peak_bytes()}
