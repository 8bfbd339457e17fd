"""Calling a definition: what we say reaches it under the names by which it takes it, or it is refused.

Releases of transformers name one thing differently. What was read before is `cache` since 5.24, with a
decorator that still takes the older `past_key_values`; recurrent models had `cache_params`, RWKV has
`state`. So a forward's signature decides, below its decorators, and nothing that it does not declare is
left out in silence: either that provably changes nothing, or the question cannot be asked.

Plain PyTorch and transformers: the native worker of the harness runs this file as well.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Callable

import torch

from .unsupported import Unsupported

# One thing under the names that it has had, the newest first.
_PAST = ("cache", "past_key_values", "cache_params")
# RWKV's own, which no other name stands for.
_STATE = "state"

# What a definition may take under no name, because nothing that is read depends on it: `use_cache` asks
# for a cache in the answer, where `Decoding` looks for one; `logits_to_keep` spares logits that are not
# read; a definition without `position_ids` numbers the positions by itself, as under transformers' own
# `generate()`, which gives none to it either. `untaken` tells whoever has to know.
_DISPENSABLE = ("use_cache", "logits_to_keep", "position_ids")
_INSTEAD = {"attention_mask": "a padded batch means nothing to it; ask its rows one by one"}


def takes(model: torch.nn.Module) -> frozenset[str]:
    """The names of the arguments that the model's forward declares, below its decorators."""
    names = _parameters(type(model).forward)
    if "input_ids" not in names:
        raise Unsupported(
            f"the forward of {type(model).__name__} declares no `input_ids`, so it cannot be told what "
            f"it takes: it has {', '.join(sorted(names))}",
            "a decorator around it has to use functools.wraps")
    return names


@cache
def _parameters(function: Callable) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters) - {"self"}


def untaken(model: torch.nn.Module, arguments: dict[str, Any]) -> list[str]:
    """Which of these arguments the definition takes under no name."""
    return sorted(arguments.keys() - takes(model))


def call(model: torch.nn.Module, tokens: torch.Tensor, **arguments: Any) -> Any:
    """One call; an argument that the definition does not take must be one that changes nothing."""
    names = takes(model)
    for name in untaken(model, arguments):
        value = arguments.pop(name)
        masks_nothing = name == "attention_mask" and bool(value.all())
        if name not in _DISPENSABLE and not masks_nothing:
            raise Unsupported(f"the definition takes no `{name}`: its forward declares "
                              f"{', '.join(sorted(names))}", _INSTEAD.get(name))
    return model(input_ids=tokens, **arguments)


def logits_of(model: torch.nn.Module, tokens: torch.Tensor, **arguments: Any) -> torch.Tensor:
    """[B, T] -> [B, T, V] in one call without a cache."""
    with torch.no_grad():
        return call(model, tokens, use_cache=False, **arguments).logits


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
            raise Unsupported("padding needs a side (`left` or `right`) and one length a row")
        mask = torch.zeros_like(tokens)
        for row, length in enumerate(lengths):
            if side == "right":
                mask[row, :length] = 1
            else:
                mask[row, tokens.shape[1] - length:] = 1
        return cls(mask)

    def arguments(self, start: int = 0, end: int | None = None, past: bool = True) -> dict[str, Any]:
        """What the call for the tokens ``start..end`` gets: a mask (of the ``past`` too) and positions."""
        if self.mask is None:
            return {}
        return {"attention_mask": self.mask[:, 0 if past else start:end],
                "position_ids": self.positions[:, start:end]}


class Decoding:
    """A model and the cache of what it has read so far, driven as transformers' own ``generate()`` does.

    That one hands a cache to the first call already, where the class says that it supports one, and tells
    every call its positions, where the forward takes them.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.seen = 0
        self._cache, self._name = _first_cache(model)

    @property
    def cache(self) -> Any:
        """What it has read, as the definition keeps it."""
        return self._cache

    @property
    def masks_past(self) -> bool:
        """Whether a mask covers the past as well: a purely recurrent model masks its inputs only.

        The cache of such a model counts no tokens.
        """
        count = getattr(self._cache, "get_seq_length", None)
        if count is None:
            return True
        try:
            count()
        except ValueError:
            return False
        return True

    def step(self, tokens: torch.Tensor, arguments: dict[str, Any] | None = None) -> torch.Tensor:
        """The logits of the next tokens. [B, T] -> [B, T, V]"""
        given = dict(arguments or {})
        end = self.seen + tokens.shape[1]
        if self._cache is not None:
            given[self._name] = self._cache
        if "position_ids" in takes(self.model) and not _counts_itself(self.model):
            given.setdefault("position_ids", torch.arange(self.seen, end)[None].expand(len(tokens), -1))
        output = call(self.model, tokens, use_cache=True, **given)
        returned = next((it for it in (*_PAST, _STATE) if getattr(output, it, None) is not None), None)
        if returned:
            self._cache, self._name = getattr(output, returned), self._taken_as(returned)
        elif self._cache is None:
            raise Unsupported("the definition returns no cache and takes none")
        elif "position_ids" not in takes(self.model):
            # A definition that does not return its cache may not count its length either.
            raise Unsupported("the definition returns no cache and takes no `position_ids`, so it "
                              "cannot be told how much it has read")
        self.seen = end
        return output.logits

    def _taken_as(self, returned: str) -> str:
        """The name under which the definition takes the cache that its answer holds."""
        names = takes(self.model)
        others = () if returned == _STATE else _PAST
        for name in (returned, *others):
            if name in names:
                return name
        raise Unsupported(
            f"the definition returns its cache as `{returned}` and takes one under no name that is "
            f"known ({', '.join((*_PAST, _STATE))}): its forward declares {', '.join(sorted(names))}",
            "without it every step would start anew; teach the name to `_PAST` where it is called")


def _first_cache(model: torch.nn.Module) -> tuple[Any, str]:
    """What ``generate()`` hands to the first call: a cache and the name that it goes under, or none."""
    names = takes(model)
    name = next((it for it in _PAST if it in names), None)
    supports = getattr(model, "_supports_default_dynamic_cache", None)
    if name is None or "use_cache" not in names or supports is None or not supports():
        return None, ""
    from transformers.cache_utils import DynamicCache

    return DynamicCache(config=model.config.get_text_config(decoder=True)), name


def _counts_itself(model: torch.nn.Module) -> bool:
    """Whether the definition numbers the places from the ids: RoBERTa's begin behind that of the padding."""
    return any(hasattr(it, "create_position_ids_from_input_ids") for it in model.modules())


def in_chunks(model: torch.nn.Module, tokens: torch.Tensor, chunks: list[int],
              batch: Padding) -> torch.Tensor:
    """One call a chunk with the cache that the definition itself makes. [B, T] -> [B, T, V]"""
    if sum(chunks) != tokens.shape[1] or min(chunks) < 1:
        raise Unsupported(f"chunks {chunks} do not make {tokens.shape[1]} tokens")
    decoding, start, parts = Decoding(model), 0, []
    for length in chunks:
        end = start + length
        arguments = batch.arguments(start, end, decoding.masks_past)
        parts.append(decoding.step(tokens[:, start:end], arguments))
        start = end
    return torch.cat(parts, dim=1)


def greedy(model: torch.nn.Module, prompt: list[int], count: int,
           apart: int = 0) -> tuple[list[int], torch.Tensor]:
    """The best token, `count` times, with the cache: ids, and the logits that decided them [1, T, V].

    The last `apart` tokens are not chosen again: random weights like to repeat one for ever.
    """
    decoding, tokens, ids, steps = Decoding(model), torch.tensor([prompt]), [], []
    with torch.no_grad():
        for _ in range(count):
            last = decoding.step(tokens)[:, -1:]  # [1, 1, V]
            choice = last.clone()
            for it in ids[-apart:] if apart else []:
                choice[0, 0, it] = float("-inf")
            tokens = choice.argmax(-1)
            steps.append(last)
            ids.append(int(tokens))
    return ids, torch.cat(steps, dim=1)
