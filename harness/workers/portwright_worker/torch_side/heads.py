"""``synthesize_head``: a tiny checkpoint of a definition with any head, and what it is fed."""

from __future__ import annotations

import inspect
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ..session import Session, WorkerError
from . import inputs, randomise
from .tiny_config import make_config, text_config


def architectures(head: str) -> dict[str, Any]:
    """The library's table of one head: class names by model type."""
    table = getattr(modeling_auto, f"MODEL_FOR_{head}_MAPPING_NAMES", None)
    if table is None:
        raise WorkerError("unsupported", f"this transformers has no table of `{head}` heads")
    return table


def synthesize_head(session: Session, request: dict) -> dict:
    """The op ``synthesize_head``."""
    model_type, out = request["model_type"], request["out"]
    names = architectures(request["head"])[model_type]
    cls = getattr(transformers, names if isinstance(names, str) else names[0])
    config = make_config(model_type, None, {}, [], CONFIG_MAPPING[model_type])
    if not isinstance(config, cls.config_class):
        raise WorkerError("config", f"{cls.__name__} takes no {type(config).__name__}")
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(request["seed"])
    try:
        model = cls(config).eval()
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise WorkerError("config", f"{type(error).__name__}: {error}",
                          hint="the config class took these fields, the definition did not") from error
    randomise.randomise(model, request["seed"])
    model.save_pretrained(out)
    return {"architecture": cls.__name__, "definition_file": inspect.getfile(cls),
            "cases": cases_of(model, config)}


def cases_of(model: Any, config: Any) -> dict:
    """The calls by name; ``kept`` counts each row's places that stand for something."""
    main, names = model.main_input_name, set(inspect.signature(type(model).forward).parameters)
    text = text_config(config)
    vocab = getattr(text, "vocab_size", None) or getattr(config, "vocab_size", 160)
    if main == "input_ids":
        full = {"input_ids": inputs.tokens_of(vocab)}
    else:
        full = {main: {"shape": shape_of(main, config)}}
    if "decoder_input_ids" in names:
        full["decoder_input_ids"] = inputs.tokens_of(vocab, inputs.DECODED)
    cases = {"full": {"signals": full, "kept": None}}
    if main == "input_ids" and "attention_mask" in names:
        mask = [[int(place < it) for place in range(inputs.LENGTH)] for it in inputs.PADDED]
        aligned = "decoder_input_ids" not in names and request_length_is_kept(model)
        cases["padded"] = {"signals": {**full, "attention_mask": mask},
                           "kept": list(inputs.PADDED) if aligned else None}
    return cases


def request_length_is_kept(model: Any) -> bool:
    """Whether the answer has one row a token, and not one a text."""
    return "SequenceClassification" not in type(model).__name__


def shape_of(main: str, config: Any) -> list[int]:
    """The shape of a batch of two signals."""
    if main == "pixel_values":
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", None) or 32
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return [2, getattr(vision, "num_channels", 3), height, width]
    if main == "input_features":
        return [2, config.num_mel_bins, 2 * getattr(config, "max_source_positions", 50)]
    if main == "input_values":
        return [2, 2000]
    raise WorkerError("unsupported", f"no rule for an input `{main}`")
