"""A checkpoint as it is published in fp8: linear weights in eight bits, each with its scales beside it."""

from __future__ import annotations

import copy
import os
import re
from dataclasses import dataclass
from typing import Any, Callable

import torch

from ..session import WorkerError
from . import dimensions, files

# The side of the part of a weight that has a scale of its own: what published checkpoints have, and ports
# have written in.
BLOCK = 128
# The largest number of the format.
_LARGEST = 448.0
# Sizes by which no linear weight is as wide.
_NO_WIDTH = re.compile(r"vocab|position|seq|ctx|model_max")


@dataclass(frozen=True)
class Form:
    """A way in which such checkpoints are published."""

    # Without blocks a weight has one scale, and what goes into it has one that is stored as well.
    block: int | None


FORMS = {"fp8-blocks": Form(BLOCK), "fp8-tensors": Form(None)}


@dataclass(frozen=True)
class Written:
    """What became of a checkpoint."""

    # The names of the scales.
    scales: list[str]
    # The linear modules whose weights stay as they are.
    plain: list[str]


def whole_blocks(text: Any) -> dict[str, int]:
    """The fields of a config that are wider than a block, as whole blocks and at least two of them.

    The definition divides a weight into as many equal parts as it has scales: it reads a last block that
    is smaller than the others as one of their size, or refuses it.
    """
    said = vars(text)
    wide = {name: said.get(name) for name in type(text).__dataclass_fields__ if not _NO_WIDTH.search(name)}
    return {name: max(2, -(-value // BLOCK)) * BLOCK for name, value in wide.items()
            if isinstance(value, int) and value >= BLOCK and dimensions.size_of(name, value) is not None}


def write(model: Any, weights: str, form: Form, seed: int, notes: list[str]) -> Written:
    """Rounds the weights that the definition's own quantiser converts, and puts the scales beside them."""
    generator = torch.Generator().manual_seed(seed + 4)
    tensors = files.load_tensors(weights)
    converted, renamed = _converted(model), _renaming(model)
    scales: dict[str, torch.Tensor] = {}
    grids: list[torch.Size] = []
    done = set()
    for name in sorted(tensors):
        whole = tensors[name]
        if renamed(name) not in converted:
            continue
        if whole.ndim != 2 or not name.endswith(".weight") or not _is_whole(whole, form):
            notes.append(f"`{name}` {list(whole.shape)} stays as it is: the definition would not read it in fp8")
            continue
        rows, columns = (min(it, form.block or it) for it in whole.shape)
        tensors[name], grid = _rounded(whole.float(), rows, columns, generator)
        grids.append(grid.shape)
        done.add(renamed(name))
        scales[f"{name}_scale_inv"] = grid if form.block else grid.reshape(())
        if not form.block:
            scales[f"{name.removesuffix('weight')}activation_scale"] = torch.tensor(1 / 64)
    if not scales:
        raise WorkerError("unsupported", "the definition's quantiser converts none of these weights")
    if form.block and not (any(it[0] > 1 for it in grids) and any(it[1] > 1 for it in grids)):
        raise WorkerError("unsupported", f"with these fields no weight is wider and higher than a block of {BLOCK}")
    files.save_tensors(tensors | scales, weights)
    linear = (path for path, it in model.named_modules() if isinstance(it, torch.nn.Linear))
    return Written([it for it in scales if it.endswith("_scale_inv")],
                   [it for it in linear if f"{it}.weight" not in done])


def declare(out: str, form: Form, written: Written) -> None:
    """Says in config.json how the weights are stored."""
    path = os.path.join(out, "config.json")
    tree = files.read_json(path)
    tree["quantization_config"] = {
        "quant_method": "fp8", "fmt": "e4m3",
        "activation_scheme": "dynamic" if form.block else "static",
        "weight_block_size": form.block and [form.block, form.block],
        "modules_to_not_convert": written.plain,
    }
    files.write_json(path, tree)


def _converted(model: Any) -> set[str]:
    """The parameters that transformers' own quantiser makes fp8, by the names that the class gives them."""
    try:
        from transformers.integrations.finegrained_fp8 import replace_with_fp8_linear
        from transformers.quantizers.quantizer_finegrained_fp8 import FineGrainedFP8HfQuantizer
        from transformers.utils.quantization_config import FineGrainedFP8Config

        settings = FineGrainedFP8Config()
        quantiser = FineGrainedFP8HfQuantizer(settings, pre_quantized=True)
        twin = copy.deepcopy(model)
        apart = quantiser.get_modules_to_not_convert(twin, None, twin._keep_in_fp32_modules)
        replace_with_fp8_linear(twin, modules_to_not_convert=apart, quantization_config=settings,
                                pre_quantized=True)
    except (ImportError, TypeError, AttributeError) as error:
        raise WorkerError("unsupported", "this transformers does not say which weights of the definition may be "
                                         f"fp8: {error}") from error
    return {name for name, it in twin.named_parameters() if it.dtype == torch.float8_e4m3fn}


def _renaming(model: Any) -> Callable[[str], str]:
    """From a name in the file to the parameter that it becomes, or becomes a part of, on loading."""
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightConverter, rename_source_key
    except ImportError as error:
        raise WorkerError("unsupported", f"this transformers does not say how it renames weights: {error}") from error

    rules = get_model_conversion_mapping(model)
    converters = [it for it in rules if isinstance(it, WeightConverter)]
    renamings = [it for it in rules if not isinstance(it, WeightConverter)]
    own = model.state_dict()

    def renamed(name: str) -> str:
        return rename_source_key(name, renamings, converters, model.base_model_prefix, own)[0]

    return renamed


def _is_whole(weight: torch.Tensor, form: Form) -> bool:
    """Whether each side is one block or several whole ones."""
    return form.block is None or all(it <= form.block or it % form.block == 0 for it in weight.shape)


def _rounded(weight: torch.Tensor, rows: int, columns: int,
             generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The weight in eight bits, and the scale of each part of it with so many rows and columns.

    A scale has four significant bits, as a value has: their product is a bfloat16, so whoever multiplies
    right has the same numbers in every dtype. Neighbours lie apart by up to a factor of eight, so that
    none can stand for another.
    """
    parts = weight.reshape(weight.shape[0] // rows, rows, weight.shape[1] // columns, columns)
    largest = parts.abs().amax((1, 3)).clamp(min=2.0**-30)
    exponent = (largest / _LARGEST).log2().ceil() + torch.randint(0, 3, largest.shape, generator=generator)
    scale = torch.randint(8, 16, largest.shape, generator=generator) / 8 * exponent.exp2()
    return (parts / scale[:, None, :, None]).reshape(weight.shape).to(torch.float8_e4m3fn), scale
