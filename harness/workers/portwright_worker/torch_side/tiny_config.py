"""The config of a tiny model of any type: rules, then the type's row, then the caller's wishes."""

from __future__ import annotations

import copy
import difflib
import inspect
import re
from functools import cache
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, configuration_utils
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from ..session import WorkerError
from . import dimensions, files, kinds, published
from .adjustments import KEEP, adjustment_of
from .words import asked_for

_PART_OF_DEPTH = re.compile(r"n_(?!layers)\w+_layers|n_layers_per_\w+|\w*layer_index_(start|end)")
_ROPE_NAMES = ("rope_theta", "rope_scaling", "partial_rotary_factor", "rope_parameters",
               "rope_local_base_freq")


def make_config(model_type: str, base: str | None, overrides: dict, notes: list[str],
                cls: type[PreTrainedConfig] | None = None) -> Any:
    """The tiny config of a type, on top of a published one when `base` names its file.

    Without a class the type must have a causal LM.
    """
    causal = cls is None
    cls = cls or known_type(model_type)
    if causal and not base and overrides.keys().isdisjoint(published.COUNTS):
        chosen = _kinds_of(model_type)
        if chosen.keys() - overrides.keys():
            notes.append(f"so that every kind of layer is built: {', '.join(sorted(chosen))}")
        overrides = {**chosen, **overrides}
    return _made(model_type, base, overrides, notes, cls)


@cache
def _kinds_of(model_type: str) -> dict[str, Any]:
    """The fields without which the definition has a kind of layer that is not built."""
    cls = known_type(model_type)

    def build(fields: dict[str, Any]) -> Any:
        config = _made(model_type, None, fields, [], cls)
        return AutoModelForCausalLM.from_config(config, attn_implementation="eager",
                                                experts_implementation="eager").eval()

    return kinds.completed(text_config(_made(model_type, None, {}, [], cls)), build)


def _made(model_type: str, base: str | None, overrides: dict, notes: list[str],
          cls: type[PreTrainedConfig]) -> Any:
    start = None
    if base:
        try:
            start = files.read_json(base)
        except (OSError, ValueError) as error:
            raise WorkerError("config", f"cannot read the base config: {error}", file=base) from error
    subs = cls.sub_configs
    kwargs: dict[str, Any] = {}
    try:
        if "text_config" in subs:
            text_cls = subs["text_config"]
            if text_cls is AutoConfig:
                text_cls = type(cls().text_config)
            kwargs["text_config"] = fields_of(
                text_cls, (start or {}).get("text_config") if start else None, model_type, notes,
                overrides)
            kwargs["text_config"]["model_type"] = text_cls.model_type
            widths = published.widths(vars(text_cls()), kwargs["text_config"])
            kwargs = {**other_parts(cls, start, widths), **kwargs}
        else:
            text_cls = cls
            kwargs = fields_of(cls, start, model_type, notes, overrides)
            kwargs = {**other_parts(cls, start), **kwargs}
        apply_overrides(cls, text_cls, kwargs, overrides, model_type)
        return cls(**copy.deepcopy(kwargs))
    except WorkerError:
        raise
    except Exception as error:  # noqa: BLE001 - every refusal of a config is one kind of failure
        raise WorkerError("config", f"{type(error).__name__}: {error}",
                          file=inspect.getfile(cls)) from error


def known_type(model_type: str) -> type[PreTrainedConfig]:
    """The config class of a type that has a causal LM."""
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or model_type not in CONFIG_MAPPING:
        near = difflib.get_close_matches(model_type, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, 4, 0.5)
        what = "has no causal LM in" if model_type in CONFIG_MAPPING else "is not a model of"
        raise WorkerError("unknown-model", f"`{model_type}` {what} this transformers",
                          hint=f"nearest: {', '.join(near)}" if near else "see AutoModelForCausalLM")
    return CONFIG_MAPPING[model_type]


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The part of a config that describes the language model."""
    return config.get_text_config(decoder=True)


def other_parts(cls: type, start: dict | None, widths: dict[int, int] | None = None) -> dict:
    """The fields beside the text: vision and audio towers shrunk, ids out of the text's range.

    ``widths`` are the text's, as they were and as they are: a tower that ends in one says it as well.
    """
    default = cls()
    result = {}
    for name, value in vars(default).items():
        if name in cls.sub_configs and name != "text_config" and isinstance(value, PreTrainedConfig):
            given = (start or {}).get(name)
            result[name] = shrunk_part(type(value)(**given) if given else value, widths or {})
        elif "text_config" in cls.sub_configs and name.endswith(("_token_id", "_token_index")):
            if isinstance(value, int) and value >= 160:
                result[name] = 200 + len(result)
        elif "text_config" in cls.sub_configs and name in ("bos_token_id", "eos_token_id"):
            result[name] = None
        elif "text_config" in cls.sub_configs and start and name in start and name != "text_config":
            result[name] = start[name]
    return result


def shrunk_part(config: PreTrainedConfig, widths: dict[int, int]) -> dict:
    """A tower of a multimodal model, as small as it goes: a text port must only drop it."""
    result = config.to_dict()
    before = dict(result)
    for name, value in before.items():
        size = dimensions.size_of(name, value)
        if size is not None:
            result[name] = min(size, value)
        if name in ("num_hidden_layers", "depth"):
            result[name] = 1
        elif isinstance(value, dict) and value and all(str(it).isdigit() for it in value):
            result[name] = {key: it for key, it in value.items() if int(key) < 1}  # by layer
    if heads_fill_stream(before):
        result["head_dim"] = result["hidden_size"] // result["num_attention_heads"]
    # A width that another name repeats stays the same width; what goes out has one of the text's.
    own = published.widths(before, result)
    for name, value in before.items():
        if published.is_width(value) and result[name] == value and re.search("dim|hidden|adapter", name):
            first, second = (widths, own) if "out" in name else (own, widths)
            result[name] = first.get(value, second.get(value, value))
    return result


def fields_of(cls: type, start: dict | None, model_type: str, notes: list[str],
              overrides: dict) -> dict:
    """The arguments of a text config class."""
    if start:
        start = published.without_storage(start, notes)
    default = cls(**copy.deepcopy(start)) if start else cls()
    # Not getattr: a config whose layers differ refuses to say one value for all of them.
    known = {name: default.__dict__.get(name, getattr(cls, name, None))
             for name in cls.__dataclass_fields__}
    result: dict[str, Any] = dict(start) if start else {}
    for name, value in known.items():
        size = dimensions.size_of(name, value, published=bool(start))
        if size is None and not start:
            size = dimensions.value_of(name, value)
        if size is not None:
            result[name] = size
        elif name.endswith("_token_id") and isinstance(value, int):
            result[name] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}.get(name, 3)
        elif name.endswith("_token_id") and isinstance(value, list):
            result[name] = [2]
    if known.get("kv_lora_rank") and known.get("num_key_value_heads") == known["num_attention_heads"]:
        # Low-rank attention has no grouped heads.
        result["num_key_value_heads"] = result["num_attention_heads"]
    if known.get("num_key_value_heads", 0) is None and not start:
        result["num_key_value_heads"] = 2
    if known.get("head_dim", 0) is None or not start and heads_fill_stream(known):
        result["head_dim"] = dimensions.WIDTH // 4  # what definitions compute from the widths
    if start:
        if known.get("num_key_value_heads") == known.get("num_attention_heads"):
            result["num_key_value_heads"] = result.get("num_attention_heads")
        window, longest = known.get("sliding_window"), known.get("max_position_embeddings")
        if window and longest and window >= longest:  # published with a window that never acts
            result["sliding_window"] = result["max_position_embeddings"]
    if 1 < (result.get("n_group") or result.get("num_expert_group") or 0):
        for name in ("n_routed_experts", "num_experts", "num_local_experts"):
            if name in result:
                result[name] = 8  # two groups of four, of which two are chosen
    for name in ("head_dim", "qk_head_dim"):
        if "qk_rope_head_dim" in result and name in result:
            result[name] = result["qk_rope_head_dim"] + (20 if name == "qk_head_dim" else 0)
    if isinstance(known.get("rope_parameters"), dict):
        if start:
            for name in published.ROPE:
                result.pop(name, None)
            result["rope_parameters"] = published.rope(
                known["rope_parameters"], head_dim_of(result), head_dim_of(known))
        else:
            result["rope_parameters"] = dimensions.rope_of(known["rope_parameters"])
    if not start:
        row = adjustment_of(model_type, cls.model_type)
        for name, value in row.fields.items():
            if value is KEEP:
                result.pop(name, None)
            else:
                result[name] = value
        if row.layer_words and not hasattr(configuration_utils, "remap_legacy_layer_types"):
            # The class of an earlier release has the words of the published files itself.
            for name in ("layer_types", "layers_block_type"):
                if name in row.fields:
                    result[name] = [row.layer_words.get(it, it) for it in row.fields[name]]
        if row.fields:
            notes.append(f"{model_type}: {row.why}")
    choose_layers(cls, result, start, known, overrides)
    share_depth(result, known)
    if start:
        same = {name: value for name, value in start.items()
                if result.get(name) == value and name not in cls.attribute_map
                and name not in published.ROPE and not name.endswith("_token_id")}
        result.update(published.shrunk(same, known, result))
    return result


def heads_fill_stream(fields: dict) -> bool:
    """Whether the class's heads are together as wide as the stream: some definitions have no other."""
    width, heads, head_dim = (fields.get(it) for it in ("hidden_size", "num_attention_heads", "head_dim"))
    return bool(width and heads and head_dim) and width == heads * head_dim


def head_dim_of(fields: dict) -> int:
    """The width of a head, said or computed from the stream's."""
    heads = fields.get("num_attention_heads") or 4
    return fields.get("head_dim") or (fields.get("hidden_size") or 16 * heads) // heads


def choose_layers(cls: type, result: dict, start: dict | None, known: dict, overrides: dict) -> None:
    """The fewest layers in which each kind occurs, twice where a pattern repeats; at most eight."""
    count_name = next((it for it in published.COUNTS if it in result), None)
    per_layer = [name for name, value in {**known, **result}.items()
                 if isinstance(value, (list, tuple)) and _is_per_layer(name, value, known)]
    given = [name for name in per_layer if name in result and isinstance(result[name], list)]
    if start:
        depth = known.get("num_hidden_layers") or 0
        kinds = list(zip(*(list(known[it]) for it in per_layer if len(known[it]) == depth)))
        count = enough(kinds) if kinds else 4
        for name in per_layer:
            result[name] = list(known[name])[:count]
    elif given:
        count = len(result[given[0]])
    else:
        trial = {**copy.deepcopy(result), **({count_name: 24} if count_name else {})}
        for name in per_layer:
            trial.pop(name, None)
        try:
            whole = cls(**trial)
            kinds = list(zip(*(getattr(whole, name) for name in per_layer
                               if isinstance(getattr(whole, name, None), (list, tuple))
                               and len(getattr(whole, name)) == 24)))
        except Exception:  # noqa: BLE001 - a class that refuses the trial gets the usual depth
            kinds = []
        count = enough(kinds) if kinds else 4
    if count_name and count_name not in overrides:
        result[count_name] = count
    elif count_name and isinstance(overrides[count_name], int):
        for name in given:  # as many layers as wished: the pattern goes on
            if name not in overrides:
                result[name] = (result[name] * overrides[count_name])[: overrides[count_name]]


def share_depth(result: dict, known: dict) -> None:
    """Stretches of the depth and borders between them keep their shares of it, each at least one layer."""
    counts = published.COUNTS
    before, now = (next((it[name] for name in counts if it.get(name)), None) for it in (known, result))
    if not before or not now or before <= now:
        return
    for name, value in known.items():
        if type(value) is int and 1 < value <= before and _PART_OF_DEPTH.fullmatch(name):
            result[name] = max(1, round(value * now / before))


def _is_per_layer(name: str, value: Any, known: dict) -> bool:
    depth = known.get("num_hidden_layers") or known.get("n_layer")
    return name in ("layer_types", "mlp_layer_types", "layers_block_type", "no_rope_layers",
                    "indexer_types", "block_types") or depth is not None and len(value) == depth > 8


def enough(kinds: list) -> int:
    """How many of these layers show every kind once, and each repeated kind twice if eight suffice."""
    every = next(n for n in range(1, len(kinds) + 1) if set(kinds[:n]) == set(kinds))
    often = {it for it in kinds if kinds.count(it) > 1}
    twice = next((n for n in range(1, len(kinds) + 1)
                  if all(kinds[:n].count(it) > 1 for it in often)), every)
    return max(4, min(dimensions.MAX_LAYERS, twice))


def apply_overrides(cls: type, text_cls: type, kwargs: dict, overrides: dict, model_type: str) -> None:
    """The caller's fields, each of which some config class of the type must know."""
    for name, value in overrides.items():
        for known_by, target in ((text_cls, kwargs.get("text_config", kwargs)), (cls, kwargs)):
            if knows(known_by, name):
                target[known_by.attribute_map.get(name, name)] = value
                if name in ("rope_theta", "rope_scaling", "partial_rotary_factor"):
                    respell(target, name, value)
                break
        else:
            names = {*text_cls.__dataclass_fields__, *cls.__dataclass_fields__}
            near = difflib.get_close_matches(name, names, 3, 0.6)
            raise WorkerError("config", f"{cls.__name__} has no field `{name}`",
                              file=inspect.getfile(cls),
                              hint=f"nearest: {', '.join(near)}" if near else None)


def knows(cls: type, name: str) -> bool:
    """Whether a config class declares the field, under this name or an alias, or its definition asks for it."""
    return (name in cls.__dataclass_fields__ or name in cls.attribute_map
            or name in _ROPE_NAMES and "rope_parameters" in cls.__dataclass_fields__
            or asked_for(name, cls))


def respell(target: dict, name: str, value: Any) -> None:
    """An override in the old spelling, moved into `rope_parameters`, where the defaults are."""
    target.pop(name)
    parameters = target.get("rope_parameters") or {}
    nested = {key: it for key, it in parameters.items() if isinstance(it, dict)}
    # Published files with a table for each kind of layer scale the one of full attention.
    scaled = [nested["full_attention"]] if name == "rope_scaling" and "full_attention" in nested else None
    for part in scaled or [*nested.values()] or [parameters]:
        if name == "rope_scaling":
            theta = {key: part[key] for key in ("rope_theta", "partial_rotary_factor") if key in part}
            part.clear()
            part.update({**theta, **(value or {"rope_type": "default"})})
        else:
            part[name] = value
    target["rope_parameters"] = parameters
