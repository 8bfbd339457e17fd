"""``open``: a checkpoint loaded the way a user of transformers loads it, and what came of it."""

from __future__ import annotations

import inspect
import os
import re
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from .. import source_lines
from ..session import Session, WorkerError
from . import config_ledger, files, quantising

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
    # Its config.json.
    tree: dict
    config_fields: set[str] = field(default_factory=set)

    @property
    def out_dtype(self) -> torch.dtype:
        """What its tensors are saved as: never narrower than float32."""
        return torch.float64 if self.dtype == torch.float64 else torch.float32


def in_our_words(error: Exception, config: Any) -> WorkerError | None:
    """What the library advises its own user, as what ours can do."""
    text = str(error)
    if "trust_remote_code" in text:
        return WorkerError("unsupported", "the checkpoint brings model code of its own, which is not run natively",
                           hint="`portwright run` runs it on the embedded runtime; to verify a port, name "
                                "a transformers that has the definition")
    packed = getattr(config, "quantization_config", None)
    if packed and re.search(r"pip install|is not installed|not available|requires", text):
        method = packed.get("quant_method") if isinstance(packed, dict) else packed.quant_method
        return WorkerError("unsupported", f"the weights are packed (`{method}`), and the engines have no "
                                          "library that unpacks them",
                           hint="verify a checkpoint in plain floats, or its config.json alone")
    if needed := re.search(r"pip install (?:-U |--upgrade )?[\'\"]?([A-Za-z0-9_.-]+)", text):
        return WorkerError("unsupported", f"transformers asks for the package `{needed[1]}`, which is not "
                                          "among the engines' packages",
                           hint="verify a checkpoint that does without it, or its config.json alone")
    return None


def load(checkpoint: str, dtype: torch.dtype, attention: str, config: Any = None,
         architecture: str | None = None) -> tuple[Any, dict]:
    """``from_pretrained`` of the causal LM, or of a class by its name, with its loading info."""
    files.weight_files(checkpoint)
    config = config if config is not None else files.read_config(checkpoint)
    try:
        model, info = files.load_model(checkpoint, config, dtype, attention, architecture)
    except ValueError as error:
        if "does not support an attention implementation" not in str(error):
            if ours := in_our_words(error, config):
                raise ours from error
            raise
        raise WorkerError("unsupported", f"the definition has no `{attention}` attention",
                          hint="use `eager`, which every definition has") from error
    except ImportError as error:
        # A tower of a multimodal model needs a library that is not installed: its text part does not.
        text = config.get_text_config(decoder=True)
        if text is config or architecture:
            raise in_our_words(error, config) or error from error
        model, info = files.load_model(checkpoint, text, dtype, attention)
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
    start = time.perf_counter()
    with config_ledger.recording(reads):
        model, info = load(checkpoint, dtype, request.get("attention") or "eager",
                           architecture=request.get("architecture"))
    seconds = time.perf_counter() - start
    opened = Opened(model, dtype, checkpoint, files.read_json(os.path.join(checkpoint, "config.json")), reads)
    if request.get("ulp_noise") is not None:
        add_ulp_noise(model, request["ulp_noise"], request.get("ulp") or 2.0**-23)
    if request.get("quantise"):
        quantising.round_weights(model, **request["quantise"])
    session.handles[request["handle"]] = opened
    follow = request.get("follow", True)
    parameters = named_as_built(list(files.stored_parameters(checkpoint)), model) if follow else []
    return {
        "seconds": seconds,
        "class": type(model).__name__,
        "file": inspect.getfile(type(model)),
        "weight_files": [os.path.basename(it) for it in files.weight_files(checkpoint)
                         if it.endswith(".safetensors")],
        "load": {
            "missing": sorted(info.get("missing_keys", ())),
            "unexpected": sorted(info.get("unexpected_keys", ())),
            "mismatched": [{"name": it[0], "found": list(it[1]), "expected": list(it[2])}
                           for it in sorted(info.get("mismatched_keys", ()))],
        },
        "attribute_map": dict(type(model.config).attribute_map),
        "parameters": parameters,
        "modules": source_lines.annotate(list(model.named_modules())) if follow else [],
        "parameter_count": sum(it.numel() for it in model.parameters()),
        "bytes": sum(it.numel() * it.element_size() for it in model.parameters()),
    }


def named_as_built(parameters: list[dict], model: torch.nn.Module) -> list[dict]:
    """The stored tensors, each with the name that the class gives it where it is renamed on loading."""
    own = dict(model.named_parameters())
    renamed = [it for it in parameters if it["name"] not in own]
    if renamed:
        stored = {it["name"] for it in parameters}
        by_values = {files.fingerprint(it): name for name, it in own.items() if name not in stored}
        for it in renamed:
            it["built_as"] = by_values.get(it["fingerprint"])
    return parameters


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
