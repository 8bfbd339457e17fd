"""Random weights in which nothing is trivial and through which activations stay of order one.

The definition's own initialisation tells what a parameter is: a vector that starts at one is a
scale, one that starts at zero a bias or a scale stored as its difference from one, one that starts
at something else (a decay, a time-step bias) has a range in which the layer works. So vectors keep
their start and get a spread; matrices are drawn with the variance that keeps the scale of what
flows through them.
"""

from __future__ import annotations

import torch
from portwright.calling import logits_of

SPREAD = 0.2
TARGET_STD = 1.5  # of the logits
# Biases by which experts are chosen: so low that many a biased score is below zero, where a score of
# zero for the experts of other groups would win. The definitions give those minus infinity.
_CHOICE_BIASES = ("correction_bias", "expert_bias")
_CHOICE_SHIFT = -0.7
# Saved buffers that are weights; others (tables, masks, decay factors, clipping bounds) are facts.
_WEIGHT_BUFFERS = (*_CHOICE_BIASES, "layer_scalar")
# Recurrent states: memories of ten to a hundred tokens, time steps above every usual lower clamp.
_RANGES = {"A_log": (-0.7, 0.5), "dt_bias": (-1.5, 0.4), "dt_proj.bias": (-1.5, 0.4)}


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fill every parameter and every saved floating buffer, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    unit = getattr(model.config.get_text_config(decoder=True), "initializer_range", None)
    embeddings = {id(it.weight) for it in model.modules() if isinstance(it, torch.nn.Embedding)}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not weight.is_floating_point():
                continue
            span = next((it for key, it in _RANGES.items() if name.endswith(key)), None)
            if span:
                weight.copy_(span[0] + span[1] * torch.randn(weight.shape, generator=generator))
            elif id(weight) in embeddings:
                noise = torch.randn(weight.shape, generator=generator)
                weight.copy_(noise * (TARGET_STD / weight.shape[-1] ** 0.5))
            elif weight.dim() >= 2 and min(weight.shape) > 0 and not _is_vector_like(weight):
                noise = torch.randn(weight.shape, generator=generator)
                weight.copy_(noise / _fan_in(weight) ** 0.5)
            else:
                _spread(weight, generator, unit)
            _lower_choice(name, weight)
        for name, buffer in persistent_buffers(model):
            if buffer.is_floating_point() and name.endswith(_WEIGHT_BUFFERS):
                _spread(buffer, generator, unit)
                _lower_choice(name, buffer)


def _is_vector_like(weight: torch.Tensor) -> bool:
    """A stack of norms, biases or decays: one axis of interest, the start is meaningful."""
    start = weight.float()
    return bool((start == start.flatten()[0]).all()) or sum(it > 1 for it in weight.shape) < 2


def _fan_in(weight: torch.Tensor) -> int:
    if weight.dim() == 2 or weight.dim() == 3 and weight.shape[1] > 1:
        return weight.shape[-1]
    return max(1, weight[0].numel())  # convolutions: [out, in / groups, kernel...]


def _spread(weight: torch.Tensor, generator: torch.Generator, unit: float | None) -> None:
    """Noise around the start. Who starts at the config's ``initializer_range`` measures in that unit: the
    definition divides by it (nGPT's scales)."""
    start = torch.nan_to_num(weight.float(), nan=0.0)
    noise = torch.randn(weight.shape, generator=generator)
    in_units = bool(unit) and bool((start - unit).abs().max() <= 1e-3 * unit)
    weight.copy_((start + SPREAD * (unit if in_units else 1.0) * noise).to(weight.dtype))


def _lower_choice(name: str, weight: torch.Tensor) -> None:
    if name.endswith(_CHOICE_BIASES):
        weight.add_(_CHOICE_SHIFT)


def persistent_buffers(model: torch.nn.Module):
    """The buffers that a checkpoint holds, by name."""
    for path, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                yield f"{path}.{name}".lstrip("."), buffer


def initialise_and_randomise(model: torch.nn.Module, seed: int) -> None:
    """`randomise`, then bring the logits to a visible scale by the weight that makes them."""
    randomise(model, seed)
    head = model.get_output_embeddings()
    weight = head.weight if head is not None else None
    if weight is None:
        return
    vocab = weight.shape[0]
    tokens = torch.randint(0, vocab, (1, 32), generator=torch.Generator().manual_seed(seed + 1))
    for _ in range(4):
        std = logits_of(model, tokens).float().std().item()
        if not std > 0 or 0.8 < std < 2.5:  # NaN ends it as well: the caller's tests see it
            return
        with torch.no_grad():
            weight.mul_(min(10.0, max(0.1, TARGET_STD / std)))
