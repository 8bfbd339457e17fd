"""Weights and caches rounded as a quantised port holds them: what quantisation costs the definition itself."""

from __future__ import annotations

from typing import Any

import torch

from ..session import WorkerError


def round_weights(model: torch.nn.Module, bits: int, group: int) -> None:
    """Round every matrix to `bits` a value, in groups with a scale and a start of their own.

    Affine quantisation exactly as mlx.core.quantize does it, so that a router near a tie sends a token
    to the same expert on both sides. A matrix whose rows do not divide into groups stays, as it does in
    a port.
    """
    for weight in model.parameters():
        if weight.is_floating_point() and weight.ndim >= 2 and weight.shape[-1] % group == 0:
            weight.copy_(_rounded(weight.float(), bits, group).to(weight.dtype))


def round_cache(cache: Any, bits: int, group: int) -> None:
    """Round the keys and values that a cache holds, and from now on those that it takes."""
    layers = [it for it in getattr(cache, "layers", ()) if isinstance(getattr(it, "keys", None), torch.Tensor)]
    if not layers:
        raise WorkerError("unsupported", "the definition has no cache of keys and values")
    for layer in layers:
        odd = [it for it in (layer.keys.shape[-1], layer.values.shape[-1]) if it % group]
        if odd:
            raise WorkerError("unsupported", f"keys or values of {odd[0]} numbers do not divide into "
                                             f"groups of {group}")
        _round_layer(layer, bits, group)


def _round_layer(layer: Any, bits: int, group: int) -> None:
    def rounded(it: torch.Tensor) -> torch.Tensor:
        return _rounded(it.float(), bits, group).to(it.dtype)

    update = layer.update

    def updating(keys: torch.Tensor, values: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return update(rounded(keys), rounded(values), *args, **kwargs)

    layer.keys, layer.values, layer.update = rounded(layer.keys), rounded(layer.values), updating


def _rounded(weight: torch.Tensor, bits: int, group: int) -> torch.Tensor:
    """The steps begin at the edge that lies farther from zero, and zero itself is a step."""
    groups = weight.reshape(-1, group)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    steps = 2**bits - 1
    step = ((high - low) / steps).clamp(min=1e-7)
    upwards = low.abs() > high.abs()
    step, edge = torch.where(upwards, step, -step), torch.where(upwards, low, high)
    count = (edge / step).round()
    step = torch.where(count != 0, edge / count, step)
    start = torch.where(count != 0, edge, 0.0)
    return (((groups - start) / step).round().clamp(0, steps) * step + start).reshape(weight.shape)
