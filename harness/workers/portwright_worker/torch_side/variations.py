"""``variable_fields``: what the config fields of a definition can be, beside what they are.

The values come from the definition: what its config class declares, what its source compares a field
with, which RoPE types the library can compute. Sizes and numbers are moved by a little. Whether the
definition accepts a value, alone, is tried here; what it refuses is told and never asked of a port. Beside them
stand the fields for which no other value is known, and those that could have their class's default.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import torch
from transformers import PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from ..session import Session
from .adjustments import adjustment_of
from .published import COUNTS
from .synthesize import build
from .tiny_config import make_config, text_config
from .words import compared, source_of

# Fields that shape no graph: what training, generation and the library's own work are told.
_APART = re.compile(
    r".*(dropout|pdrop|initializer|init_std|token_id|token_index|aux_loss|z_loss|jitter|_cache|pretraining"
    r"|output_|return_|gradient|torch_dtype|dtype|attn_implementation|experts_implementation|fp32).*"
    r"|vocab_size|max_position_embeddings|n_positions|max_seq_len|max_sequence_length|architectures"
    r"|tie_word_embeddings|is_decoder|add_cross_attention|rope_scaling|is_encoder_decoder|transformers_version"
    r"|.*_attn_dim|chunk_size_feed_forward|name_or_path")
_WIDTHS = re.compile(r"(hidden|intermediate|ffn|ff|d|n|moe|shared|mlp|dense|embd?|inner)_?.*"
                     r"(size|dim|model|embd|inner)")
_EPSILONS = re.compile(r".*(_eps|epsilon)")
_ACTIVATIONS = re.compile(r".*(hidden_act|activation|_act|act_fn|activation_function)(_fn|_name)?")
_ACTS = ("silu", "gelu", "gelu_pytorch_tanh", "relu")
_MOST_WORDS = 3


def variable_fields(session: Session, request: dict) -> dict:
    """The op ``variable_fields``."""
    config = make_config(request["model_type"], request.get("base_config"),
                         request.get("overrides") or {}, [])
    text = text_config(config)
    row = adjustment_of(request["model_type"], text.model_type)
    # Published files say these a second time, in their own way, which a variation would not change.
    said_twice = {*row.extra, *row.publish_as}
    if row.extra or row.layer_words or row.omit:
        said_twice |= {"layer_types", "mlp_layer_types", "sliding_window", "layers_block_type"}
    source = source_of(type(text))
    fields, refused, unvaried = [], [], []
    overrides = request.get("overrides") or {}
    for name in sorted(set(request["read"])):
        if _APART.fullmatch(name) or name in overrides:
            continue
        values = []
        if _can_vary(name, text, said_twice):
            for other in alternatives(name, text.__dict__[name], type(text), text, source):
                why = _refusal(request, {name: other})
                if why is None:
                    values.append(other)
                else:
                    refused.append({"field": name, "value": other, "why": why})
        if values:
            fields.append({"field": name, "values": values})
        else:
            unvaried.append(name)
    return {"fields": fields, "refused": refused, "unvaried": unvaried,
            "defaults": _defaults(request, text, said_twice)}


def _can_vary(name: str, text: PreTrainedConfig, said_twice: set[str]) -> bool:
    """Whether config.json says the field once, and by itself."""
    if name in said_twice or name not in type(text).__dataclass_fields__ or name not in text.__dict__:
        return False
    # Where a list says each layer's kind, its length is the depth.
    return name not in COUNTS or not any(
        isinstance(it, (list, tuple)) and len(it) == text.__dict__[name] for it in text.__dict__.values())


def _defaults(request: dict, text: PreTrainedConfig, said_twice: set[str]) -> list[dict]:
    """Fields that are no sizes, with what their class gives them, as many as the definition takes together."""
    default = type(text)()
    chosen: dict[str, Any] = {}
    for name in sorted(set(request["read"]) - set(request.get("overrides") or {})):
        if not _can_vary(name, text, said_twice) or _APART.fullmatch(name) or name not in default.__dict__:
            continue
        value, now = default.__dict__[name], text.__dict__[name]
        size = type(value) is int or isinstance(value, (list, tuple, PreTrainedConfig))
        if value == now or size or _refusal(request, {**chosen, name: value}) is not None:
            continue
        chosen[name] = value
    return [{"field": name, "value": value} for name, value in chosen.items()]


def alternatives(name: str, value: Any, cls: type, config: PreTrainedConfig, source: str) -> list:
    """Other values that a published config could have; a config within the config has none of its own."""
    if isinstance(value, PreTrainedConfig):
        return []
    if name == "rope_parameters":
        return _ropes(value)
    if name == "num_key_value_heads":
        heads = getattr(config, "num_attention_heads", None)
        return [it for it in (1, heads, None) if it != value and (it or _optional(cls, name))]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        words = _ACTS if _ACTIVATIONS.fullmatch(name) else compared(name, source)
        return [it for it in words if it != value][:_MOST_WORDS]
    result: list = []
    if isinstance(value, float):
        result = [value * (100 if _EPSILONS.fullmatch(name) else 1.5) if value else 0.5]
    elif isinstance(value, int):
        result = [_moved(name, value)]
    elif isinstance(value, (list, tuple)) and len(set(map(str, value))) > 1:
        turned = [*value[1:], value[0]]
        result = [turned] if turned != list(value) else []
    if value is not None and _optional(cls, name):
        result.append(None)
    return result


def _moved(name: str, value: int) -> int:
    if _WIDTHS.fullmatch(name) and value >= 16:
        return value + 16 if value % 16 == 0 else value + 8
    if name in ("head_dim", "attention_head_dim", "kv_channels"):
        return value + 8
    if name in ("num_attention_heads", "n_head", "num_heads"):
        return value * 2
    return value + 1


def _ropes(value: Any) -> list:
    """Another theta, and each RoPE type that the library computes; nested tables change their thetas."""
    if not isinstance(value, dict) or not value:
        return []
    parts = {key: it for key, it in value.items() if isinstance(it, dict)}
    if parts:
        return [{key: {**it, "rope_theta": it.get("rope_theta", 10_000.0) * 1.5} if key in parts else it
                 for key, it in value.items()}]
    theta = value.get("rope_theta", 10_000.0)
    kept = {key: value[key] for key in ("partial_rotary_factor",) if key in value}
    result = [{**value, "rope_theta": theta * 1.5}]
    if kept and value["partial_rotary_factor"] < 1:
        result.append({**value, "partial_rotary_factor": 1.0})
    scaled = {
        "default": {},
        "linear": {"factor": 3.0},
        "dynamic": {"factor": 2.0},
        "yarn": {"factor": 4.0, "original_max_position_embeddings": 64},
        "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 64},
    }
    for kind, settings in scaled.items():
        known = kind == "default" or kind in ROPE_INIT_FUNCTIONS
        if known and kind != value.get("rope_type", "default"):
            result.append({"rope_type": kind, "rope_theta": theta, **kept, **settings})
    return result


def _optional(cls: type, name: str) -> bool:
    """Whether the class says that the field may be None."""
    field = cls.__dataclass_fields__.get(name)
    return field is not None and "None" in str(field.type)


def _refusal(request: dict, values: dict[str, Any]) -> str | None:
    """Why the definition does not take these values, where all else is as it was."""
    overrides = {**(request.get("overrides") or {}), **copy.deepcopy(values)}
    try:
        config = make_config(request["model_type"], request.get("base_config"), overrides, [])
        with torch.device("meta"):
            build(config, [])
    except Exception as error:  # noqa: BLE001 - a definition may refuse in any way
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return None
