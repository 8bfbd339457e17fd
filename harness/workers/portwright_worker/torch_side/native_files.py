"""The seam to files outside: what the ops read and write, with PyTorch's and transformers' own functions.

:mod:`..embedded_files` has the same functions for the embedded runtime, where Python sees no files.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ..session import WorkerError


def read_json(path: str) -> Any:
    """A JSON file's value; ``OSError`` or ``ValueError`` when there is none."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path: str, tree: Any) -> None:
    """Write a JSON file that people can read."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tree, file, indent=2, sort_keys=True, allow_nan=True)


def load_tensors(path: str) -> dict[str, torch.Tensor]:
    """Every tensor of a safetensors file."""
    return load_file(path)


def save_tensors(tensors: dict[str, torch.Tensor], path: str) -> None:
    """Write a safetensors file whole or not at all."""
    tensors = {key: it.contiguous() for key, it in tensors.items()}
    save_file(tensors, path + ".tmp", metadata={"format": "pt"})
    os.replace(path + ".tmp", path)


def save_model(model: Any, out: str, original: bool) -> None:
    """Write a model's checkpoint into a folder, with the names of published ones if `original`."""
    os.makedirs(out, exist_ok=True)
    model.save_pretrained(out, save_original_format=original)


def weight_files(checkpoint: str) -> list[str]:
    """The safetensors files that transformers takes of a checkpoint folder, each known to be readable."""
    named = None
    if os.path.isfile(config := os.path.join(checkpoint, "config.json")):
        named = read_json(config).get("transformers_weights")
    index = os.path.join(checkpoint, "model.safetensors.index.json")
    if named and named.endswith(".index.json"):
        index = os.path.join(checkpoint, named)
    if named and not named.endswith(".index.json"):
        names = [named]
    elif not named and os.path.isfile(os.path.join(checkpoint, "model.safetensors")):
        names = ["model.safetensors"]
    elif os.path.isfile(index):
        try:
            names = sorted(set(read_json(index)["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise WorkerError("weights", f"not an index of weights: {error}", file=index) from error
    elif os.path.isdir(checkpoint):
        names = sorted(it for it in os.listdir(checkpoint) if it.endswith(".safetensors"))
    else:
        raise WorkerError("weights", f"no checkpoint folder `{checkpoint}`", file=checkpoint)
    if not names:
        raise WorkerError("weights", "the checkpoint has no safetensors file", file=checkpoint,
                          hint="only safetensors checkpoints are read; convert a .bin file first")
    files = [os.path.join(checkpoint, it) for it in names]
    for path in files:
        if not os.path.isfile(path):
            raise WorkerError("weights", "the index names this file, but it is missing", file=path)
        try:
            with safe_open(path, framework="numpy") as file:
                file.keys()
        except (SafetensorError, OSError) as error:
            raise WorkerError("weights", f"not a whole safetensors file: {error}", file=path,
                              hint="the download may have been cut off") from error
    return files


def read_config(checkpoint: str) -> Any:
    """The checkpoint's config, through the class that its ``model_type`` names."""
    from transformers import AutoConfig

    path = os.path.join(checkpoint, "config.json")
    if not os.path.isfile(path):
        raise WorkerError("config", "the checkpoint has no config.json", file=path)
    try:
        return AutoConfig.from_pretrained(checkpoint)
    except Exception as error:  # noqa: BLE001 - every refusal of a config is one kind of failure
        raise WorkerError("config", f"{type(error).__name__}: {error}", file=path) from error


def load_model(checkpoint: str, config: Any, dtype: torch.dtype, attention: str,
               architecture: str | None = None) -> tuple[Any, dict]:
    """``from_pretrained`` of the causal LM, or of a class by its name, with its loading info."""
    import transformers

    packed = getattr(config, "quantization_config", None)
    if isinstance(packed, dict) and packed.get("quant_method") == "fp8":
        _let_fp8_be_read()
        config.quantization_config = {**packed, "dequantize": True}
    return getattr(transformers, architecture or "AutoModelForCausalLM").from_pretrained(
        checkpoint, config=config, dtype=dtype, attn_implementation=attention,
        experts_implementation="eager", output_loading_info=True, local_files_only=True,
        use_safetensors=True, ignore_mismatched_sizes=True)


def _let_fp8_be_read() -> None:
    """transformers reads fp8 weights into plain ones by itself, and yet asks first whether accelerate is
    installed: nothing of that is called then."""
    from transformers.quantizers import quantizer_finegrained_fp8

    quantizer_finegrained_fp8.is_accelerate_available = lambda: True


def stored_parameters(checkpoint: str):
    """Every tensor of the checkpoint's files under the name it has there."""
    for path in weight_files(checkpoint):
        with safe_open(path, framework="pt") as file:
            for name in sorted(file.keys()):
                tensor = file.get_tensor(name)
                yield {"name": name, "shape": list(tensor.shape),
                       "dtype": str(tensor.dtype).removeprefix("torch."),
                       "fingerprint": fingerprint(tensor)}


def fingerprint(tensor: torch.Tensor) -> str:
    """Recognises a tensor's values under another name, order or layout."""
    values = numpy.sort(tensor.detach().to(torch.float32).numpy().reshape(-1))
    return hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()[:16]
