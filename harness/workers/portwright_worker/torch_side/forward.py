"""``forward`` and ``generate``: the model's logits for given tokens, with and without its cache."""

from __future__ import annotations

import inspect
import time
from typing import Any

import torch

from ..session import Session, WorkerError, peak_bytes
from . import config_ledger, files
from .taps import Taps


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
    files.save_tensors(tensors, request["out"])
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
    decoding, start, parts = Decoding(model), 0, []
    for length in chunks:
        end = start + length
        parts.append(decoding.step(tokens[:, start:end], batch.arguments(start, end, past)))
        start = end
    return torch.cat(parts, dim=1)


class Decoding:
    """A model and the cache of what it has read so far."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.cache: dict[str, Any] = {}
        self.seen = 0
        self._ours = False

    def step(self, tokens: torch.Tensor, arguments: dict | None = None) -> torch.Tensor:
        """The logits of the next tokens. [B, T] -> [B, T, V]"""
        arguments = dict(arguments or {})
        end = self.seen + tokens.shape[1]
        if self._ours:
            # A definition that does not return its cache may not count its length either.
            positions = torch.arange(self.seen, end)[None].expand(len(tokens), -1)
            arguments.setdefault("position_ids", positions)
        output = call(self.model, tokens, use_cache=True, **self.cache, **arguments)
        for name in ("past_key_values", "cache_params", "state"):
            if getattr(output, name, None) is not None:
                self.cache = {name: getattr(output, name)}
                break
        else:
            if not self.cache:
                self._make_cache()
                return self.step(tokens, arguments)
        self.seen = end
        return output.logits

    def _make_cache(self) -> None:
        """A cache of ours, for a definition that fills the one it is given and returns none."""
        if "past_key_values" not in accepted(self.model):
            raise WorkerError("unsupported", "the definition returns no cache and takes none")
        from transformers import DynamicCache

        self.cache, self._ours = {"past_key_values": DynamicCache(config=self.model.config)}, True


def generate(session: Session, request: dict) -> dict:
    """The op ``generate``: greedy, with the cache, one token at a time."""
    opened = session.handle(request["handle"])
    decoding, tokens = Decoding(opened.model), torch.tensor([request["prompt"]])
    ids, steps = [], []
    start = time.perf_counter()
    with torch.no_grad(), config_ledger.recording(opened.config_fields):
        for _ in range(request["max_new_tokens"]):
            last = decoding.step(tokens)[:, -1:]  # [1, 1, V]
            tokens = last.argmax(-1)
            steps.append(last)
            ids.append(int(tokens))
    seconds = time.perf_counter() - start
    files.save_tensors({"logits": torch.cat(steps, dim=1).to(opened.out_dtype)}, request["out"])
    return {"ids": ids, "seconds": seconds, "peak_bytes": peak_bytes()}
