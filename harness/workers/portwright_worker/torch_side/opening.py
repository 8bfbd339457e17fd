"""``open``: a checkpoint loaded the way a user of transformers loads it, and what came of it."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from safetensors import SafetensorError, safe_open

from .. import source_lines
from ..protocol import Session, WorkerError
from . import config_ledger

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass
class Opened:
    """A loaded model and the ledger of the config fields its definition has read so far."""

    model: torch.nn.Module
    dtype: torch.dtype
    checkpoint: str
    config_fields: set[str] = field(default_factory=set)

    @property
    def out_dtype(self) -> torch.dtype:
        """What its tensors are saved as: never narrower than float32."""
        return torch.float64 if self.dtype == torch.float64 else torch.float32


def weight_files(checkpoint: str) -> list[str]:
    """The safetensors files of a checkpoint folder, each known to be readable."""
    index = os.path.join(checkpoint, "model.safetensors.index.json")
    if os.path.isfile(index):
        try:
            with open(index, encoding="utf-8") as file:
                names = sorted(set(json.load(file)["weight_map"].values()))
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


def load(checkpoint: str, dtype: torch.dtype, attention: str, config: Any = None,
         architecture: str | None = None) -> tuple[Any, dict]:
    """``from_pretrained`` of the causal LM, or of a class by its name, with its loading info."""
    import transformers

    loader = getattr(transformers, architecture or "AutoModelForCausalLM")
    weight_files(checkpoint)
    config = config if config is not None else read_config(checkpoint)
    kinds = {"dtype": dtype, "attn_implementation": attention, "experts_implementation": "eager",
             "output_loading_info": True, "local_files_only": True, "use_safetensors": True,
             "ignore_mismatched_sizes": True}
    try:
        model, info = loader.from_pretrained(checkpoint, config=config, **kinds)
    except ValueError as error:
        if "does not support an attention implementation" not in str(error):
            raise
        raise WorkerError("unsupported", f"the definition has no `{attention}` attention",
                          hint="use `eager`, which every definition has") from error
    except ImportError:
        # A tower of a multimodal model needs a library that is not installed: its text part does not.
        text = config.get_text_config(decoder=True)
        if text is config:
            raise
        model, info = loader.from_pretrained(checkpoint, config=text, **kinds)
    if dtype == torch.float64:
        # Buffers too. Tables that the definition computes in float32 keep those values.
        model = model.to(torch.float64)
    return model.eval(), info


def open_checkpoint(session: Session, request: dict) -> dict:
    """The op ``open``."""
    dtype = DTYPES.get(request["dtype"])
    if dtype is None:
        raise WorkerError("unsupported", f"no dtype `{request['dtype']}`",
                          hint=f"one of {', '.join(DTYPES)}")
    checkpoint = request["checkpoint"]
    reads: set[str] = set()
    with config_ledger.recording(reads):
        model, info = load(checkpoint, dtype, request.get("attention") or "eager",
                           architecture=request.get("architecture"))
    opened = Opened(model, dtype, checkpoint, reads)
    if request.get("ulp_noise") is not None:
        add_ulp_noise(model, request["ulp_noise"], request.get("ulp") or 2.0**-23)
    session.handles[request["handle"]] = opened
    parameters = list(stored_parameters(checkpoint))
    return {
        "class": type(model).__name__,
        "file": inspect.getfile(type(model)),
        "load": {
            "missing": sorted(info.get("missing_keys", ())),
            "unexpected": sorted(info.get("unexpected_keys", ())),
            "mismatched": [{"name": it[0], "found": list(it[1]), "expected": list(it[2])}
                           for it in sorted(info.get("mismatched_keys", ()))],
        },
        "attribute_map": dict(type(model.config).attribute_map),
        "parameters": parameters,
        "modules": source_lines.annotate(list(model.named_modules())),
        "parameter_count": sum(it.numel() for it in model.parameters()),
        "bytes": sum(it.numel() * it.element_size() for it in model.parameters()),
    }


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


def add_ulp_noise(model: torch.nn.Module, seed: int, unit: float) -> None:
    """Multiply each floating weight by 1 + u * unit: the reference's own sensitivity to rounding."""
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        if weight.is_floating_point():
            noise = torch.rand(weight.shape, generator=generator, dtype=torch.float64) * 2 - 1
            weight.copy_((weight.double() * (1 + noise * unit)).to(weight.dtype))


def close(session: Session, request: dict) -> dict:
    """The op ``close``."""
    session.handles.pop(request["handle"], None)
    return {}
