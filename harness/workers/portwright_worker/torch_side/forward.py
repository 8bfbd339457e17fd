"""``forward`` and ``generate``: the model's logits for given tokens, with and without its cache."""

from __future__ import annotations

import inspect
import os
import time
from typing import Any

import torch
from safetensors.torch import save_file

from ..protocol import Session, WorkerError
from . import config_ledger
from .taps import Taps


def save_tensors(tensors: dict[str, torch.Tensor], out: str) -> None:
    """Write a safetensors file whole or not at all."""
    save_file({key: it.contiguous() for key, it in tensors.items()}, out + ".tmp")
    os.replace(out + ".tmp", out)


def accepted(model: torch.nn.Module) -> set[str]:
    """The names of the arguments that the model's forward declares itself."""
    return set(inspect.signature(type(model).forward).parameters)


def call(model: torch.nn.Module, tokens: torch.Tensor, **kwargs: Any) -> Any:
    """One call with only the arguments that this definition declares."""
    names = accepted(model)
    return model(input_ids=tokens, **{key: it for key, it in kwargs.items() if key in names})


def logits_of(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """[B, T] -> [B, T, V] in one call without a cache."""
    with torch.no_grad():
        return call(model, tokens, use_cache=False).logits


def forward(session: Session, request: dict) -> dict:
    """The op ``forward``."""
    if request.get("trim") is not None:
        raise WorkerError("unsupported", "the reference cannot trim every kind of its caches",
                          hint="the reference for a trimmed cache is the full forward")
    opened = session.handle(request["handle"])
    tokens = torch.tensor(request["tokens"])  # [B, T]
    batch = Padding.of(request, tokens)
    tapping = bool(request.get("taps"))
    if tapping and request.get("chunks"):
        raise WorkerError("unsupported", "taps are taken from one full forward, not from chunks")
    taps = Taps(opened.model, opened.out_dtype) if tapping else None
    start = time.perf_counter()
    with torch.no_grad(), config_ledger.recording(opened.config_fields):
        if request.get("chunks"):
            logits = in_chunks(opened.model, tokens, request["chunks"], batch)
        elif taps:
            with taps:
                logits = call(opened.model, tokens, use_cache=False, **batch.arguments()).logits
        else:
            logits = call(opened.model, tokens, use_cache=False, **batch.arguments()).logits
    seconds = time.perf_counter() - start
    result = {"shape": list(logits.shape), "dtype": str(logits.dtype).removeprefix("torch."),
              "seconds": seconds}
    tensors = {"logits": logits.to(opened.out_dtype)}
    if taps:
        result["taps"] = taps.records
        tensors |= taps.tensors
    save_tensors(tensors, request["out"])
    return result


class Padding:
    """The mask and the positions of a padded batch, or nothing for rows of equal length."""

    def __init__(self, mask: torch.Tensor | None) -> None:
        self.mask = mask  # [B, T]
        self.positions = None if mask is None else (mask.cumsum(-1) - 1).clamp(min=0)

    @classmethod
    def of(cls, request: dict, tokens: torch.Tensor) -> Padding:
        """From the request's ``padding`` side and ``lengths``."""
        side, lengths = request.get("padding"), request.get("lengths")
        if not side:
            return cls(None)
        if side not in ("left", "right") or lengths is None or len(lengths) != len(tokens):
            raise WorkerError("unsupported", "padding needs a side and one length a row")
        mask = torch.zeros_like(tokens)
        for row, length in enumerate(lengths):
            if side == "right":
                mask[row, :length] = 1
            else:
                mask[row, tokens.shape[1] - length:] = 1
        return cls(mask)

    def arguments(self, start: int = 0, end: int | None = None, past: bool = True) -> dict:
        """What the call for the tokens ``start..end`` gets: the whole past's mask, its positions.

        A purely recurrent model masks its inputs, not its past (``past`` is false).
        """
        if self.mask is None:
            return {}
        return {"attention_mask": self.mask[:, 0 if past else start : end],
                "position_ids": self.positions[:, start:end]}


def in_chunks(model: torch.nn.Module, tokens: torch.Tensor, chunks: list[int],
              batch: Padding | None = None) -> torch.Tensor:
    """One call a chunk with the cache that the definition itself makes. [B, T] -> [B, T, V]."""
    if sum(chunks) != tokens.shape[1] or min(chunks) < 1:
        raise WorkerError("unsupported", f"chunks {chunks} do not make {tokens.shape[1]} tokens")
    batch = batch or Padding(None)
    past = "cache_params" not in accepted(model)
    cache, start, parts = {}, 0, []
    for length in chunks:
        end = start + length
        arguments = batch.arguments(start, end, past)
        if not arguments:  # as `generate` does: some definitions cannot count what a cache holds
            arguments = {"position_ids": torch.arange(start, end)[None].expand(len(tokens), -1)}
        logits, cache = step(model, tokens[:, start:end], cache, arguments)
        parts.append(logits)
        start = end
    return torch.cat(parts, dim=1)


def step(model: torch.nn.Module, tokens: torch.Tensor, cache: dict, arguments: dict
         ) -> tuple[torch.Tensor, dict]:
    """One call with the cache so far: its logits and the cache for the next call."""
    output = call(model, tokens, use_cache=True, **cache, **arguments)
    for name in ("past_key_values", "cache_params", "state"):
        if getattr(output, name, None) is not None:
            return output.logits, {name: getattr(output, name)}
    if cache:  # a definition that fills the cache it is given and does not return it
        return output.logits, cache
    if "past_key_values" in accepted(model):
        from transformers import DynamicCache

        given = {"past_key_values": DynamicCache(config=model.config)}
        return step(model, tokens, given, arguments)
    raise WorkerError("unsupported", "the definition returns no cache and takes none")


def generate(session: Session, request: dict) -> dict:
    """The op ``generate``: greedy, with the cache, one token at a time."""
    opened = session.handle(request["handle"])
    tokens, cache, ids, steps, seen = torch.tensor([request["prompt"]]), {}, [], [], 0
    with torch.no_grad(), config_ledger.recording(opened.config_fields):
        for _ in range(request["max_new_tokens"]):
            positions = torch.arange(seen, seen + tokens.shape[1])[None]
            logits, cache = step(opened.model, tokens, cache, {"position_ids": positions})
            seen += tokens.shape[1]
            last = logits[:, -1:]  # [1, 1, V]
            tokens = last.argmax(-1)
            steps.append(last)
            ids.append(int(tokens))
    save_tensors({"logits": torch.cat(steps, dim=1).to(opened.out_dtype)}, request["out"])
    return {"ids": ids}
