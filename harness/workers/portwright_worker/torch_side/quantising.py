"""Weights rounded as a quantised port holds them: what quantisation costs the definition itself."""

from __future__ import annotations

import torch


def round_weights(model: torch.nn.Module, bits: int, group: int) -> None:
    """Round every matrix to `bits` a value, in groups with a scale and a start of their own.

    Affine quantisation as mlx.core.quantize does it but for its choice of the group's first step. A
    matrix whose rows do not divide into groups stays, as it does in a port.
    """
    for weight in model.parameters():
        if weight.is_floating_point() and weight.ndim >= 2 and weight.shape[-1] % group == 0:
            weight.copy_(_rounded(weight.float(), bits, group).to(weight.dtype))


def _rounded(weight: torch.Tensor, bits: int, group: int) -> torch.Tensor:
    groups = weight.reshape(-1, group)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    step = (high - low) / (2**bits - 1)
    step = torch.where(step == 0, torch.ones_like(step), step)
    return (((groups - low) / step).round() * step + low).reshape(weight.shape)
