"""Calling a model with the arguments that it declares, with and without its cache."""

import inspect
from functools import cache

import torch


def accepted(model):
    """The names of the arguments that the model's forward declares itself."""
    return _parameters(type(model).forward)


@cache
def _parameters(function):
    return frozenset(inspect.signature(function).parameters)


def call(model, tokens, **kwargs):
    names = accepted(model)
    return model(input_ids=tokens, **{key: it for key, it in kwargs.items() if key in names})


class _Padding:
    """The mask and the positions of a padded batch, or nothing for rows of equal length."""

    def __init__(self, mask):
        self.mask = mask  # [B, T]
        self.positions = None if mask is None else (mask.cumsum(-1) - 1).clamp(min=0)

    def arguments(self, start=0, end=None, past=True):
        """What the call for the tokens `start..end` gets: the whole past's mask, its positions."""
        if self.mask is None:
            return {}
        return {"attention_mask": self.mask[:, 0 if past else start:end],
                "position_ids": self.positions[:, start:end]}


def padding(request, tokens):
    side, lengths = request.get("padding"), request.get("lengths")
    if not side:
        return _Padding(None)
    mask = torch.zeros_like(tokens)
    for row, length in enumerate(lengths):
        if side == "right":
            mask[row, :length] = 1
        else:
            mask[row, tokens.shape[1] - length:] = 1
    return _Padding(mask)


class Decoding:
    """A model and the cache of what it has read so far."""

    def __init__(self, model):
        self.model = model
        self.cache = {}
        self.seen = 0
        self.past = "cache_params" not in accepted(model)
        self._ours = False

    def step(self, tokens, arguments=None):
        """The logits of the next tokens. [B, T] -> [B, T, V]"""
        arguments = dict(arguments or {})
        end = self.seen + tokens.shape[1]
        if self._ours:
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

    def _make_cache(self):
        """A cache of ours, for a definition that fills the one it is given and returns none."""
        from transformers.cache_utils import DynamicCache

        if "past_key_values" not in accepted(self.model):
            raise ValueError("the definition returns no cache and takes none")
        self.cache, self._ours = {"past_key_values": DynamicCache(config=self.model.config)}, True
