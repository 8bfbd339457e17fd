"""``synthesize``: a tiny random checkpoint of a model type that looks like a published one."""

from __future__ import annotations

import copy
import inspect
import os
import re
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from ..session import Session, WorkerError
from . import files, fp8, kinds, otherwise, published, randomise, spelling
from .adjustments import Adjustment, adjustment_of
from .tiny_config import head_dim_of, make_config, text_config

# Of a config's fields, those that describe the library's work and not the model.
_PLUMBING = ("_name_or_path", "output_hidden_states", "output_attentions", "return_dict", "id2label",
             "label2id", "problem_type", "chunk_size_feed_forward", "is_encoder_decoder",
             "_attn_implementation_autoset")


def synthesize(session: Session, request: dict) -> dict:
    """The op ``synthesize``."""
    model_type, out = request["model_type"], request["out"]
    notes: list[str] = []
    overrides = request.get("overrides") or {}
    config = make_config(model_type, request.get("base_config"), overrides, notes)
    if request.get("head"):
        overrides = {**head_fields(text_config(config), request["head"]), **overrides}
        config = make_config(model_type, request.get("base_config"), overrides, [])
    form = fp8.FORMS.get(request.get("holds"))
    if form:
        overrides = {**fp8.whole_blocks(text_config(config)), **overrides}
        config = make_config(model_type, request.get("base_config"), overrides, [])
    text = text_config(config)
    if request.get("tie") is not None:
        for it in {id(config): config, id(text): text}.values():
            it.tie_word_embeddings = request["tie"]
    torch.manual_seed(request["seed"])
    try:
        model = build(config, notes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkerError("config", f"{type(error).__name__}: {error}",
                          hint="the config class took these fields, the definition did not") from error
    randomise.initialise_and_randomise(model, request["seed"])
    dtype = getattr(torch, request.get("dtype") or "float32")
    model = model.to(dtype)
    row = adjustment_of(model_type, text.model_type)
    files.save_model(model, out, original=not row.as_built)
    weights = os.path.join(out, "model.safetensors")
    if row.split:
        split_weights(weights, *row.split)
    if row.rename:
        rename_weights(weights, row.rename)
    if row.unused:
        add_unused(weights, row.unused, text, request["seed"])
    others: list[str] = []
    layers = getattr(text, "num_hidden_layers", 0)
    if request.get("holds") == "as-built":
        others = otherwise.under_built_names(model, out, weights)
    elif request.get("holds") in ("stray", "stray-as-named"):
        others = otherwise.with_strays(model, weights, layers, request["seed"], notes,
                                       request["holds"] == "stray-as-named")
    written = write_config(model, config, request, dtype)
    if form:
        stored = fp8.write(model, weights, form, request["seed"], notes)
        fp8.declare(out, form, stored)
        others = stored.scales
    layer_types = getattr(text, "layer_types", None)
    return {
        "config_class": type(config).__name__,
        "architecture": type(model).__name__,
        "definition_file": inspect.getfile(type(model)),
        "vocab_size": text.vocab_size,
        "num_layers": layers,
        "layer_types": list(layer_types) if isinstance(layer_types, (list, tuple)) else None,
        "sliding_window": window_of(text),
        "tied": otherwise.is_tied(model),
        "tie_supported": can_tie(model, text),
        "spelling": written["spelling"],
        "spelling_note": written["note"],
        "parameters": sum(it.numel() for it in model.parameters()),
        "unbuilt": kinds.unbuilt(model),
        "otherwise": others,
        "attribute_map": dict(type(text).attribute_map),
        "notes": notes,
    }


def build(config: PreTrainedConfig, notes: list[str]) -> Any:
    """The causal LM of a config, or of its text part when a tower's library is not installed."""
    kinds = {"attn_implementation": "eager", "experts_implementation": "eager"}
    try:
        return AutoModelForCausalLM.from_config(config, **kinds).eval()
    except ImportError as error:
        if text_config(config) is config:
            raise
        missing = str(error).strip().splitlines()[0]
        notes.append(f"the text model only: {missing}")
        return AutoModelForCausalLM.from_config(text_config(config), **kinds).eval()


# The widths of heads, and of what attention keeps in place of them.
_HEADS = ("head_dim", "attention_head_dim", "kv_channels", "qk_nope_head_dim", "qk_rope_head_dim",
          "v_head_dim", "kv_lora_rank", "index_head_dim", "indexer_head_dim")


def head_fields(text: PreTrainedConfig, width: int) -> dict[str, int]:
    """The fields of a config that say how wide heads are, each with this width."""
    declared = type(text).__dataclass_fields__
    # Not getattr: a config whose layers differ refuses to say one value for all of them.
    said = vars(text)
    return {name: width for name in _HEADS if name in declared and isinstance(said.get(name), int)}


def rename_weights(path: str, rules: tuple[tuple[str, ...], ...]) -> None:
    """Give the weights of a file the names of the published checkpoint."""
    tensors = {}
    whole = files.load_tensors(path)
    for name, tensor in whole.items():
        for pattern, replacement, *beside in rules:
            if all(re.sub(pattern, it, name) in whole for it in beside):
                name = re.sub(pattern, replacement, name)
        tensors[name] = tensor
    files.save_tensors(tensors, path)


def split_weights(path: str, fused: str, parts: dict[str, str]) -> None:
    """Cut each weight whose name ends in `fused` into parts of as many rows as weights beside it."""
    tensors = {}
    whole = files.load_tensors(path)
    for name, tensor in whole.items():
        if not name.endswith(fused):
            tensors[name] = tensor
            continue
        stem = name.removesuffix(fused)
        rows = [whole[stem + beside].shape[0] for beside in parts.values()]
        for part, piece in zip(parts, tensor.split(rows)):
            tensors[stem + part] = piece.contiguous()
    files.save_tensors(tensors, path)


def add_unused(path: str, names: tuple[str, ...], text: PreTrainedConfig, seed: int) -> None:
    """Weights of layers that take their keys and values from an earlier layer, shaped as that one's."""
    tensors = files.load_tensors(path)
    generator = torch.Generator().manual_seed(seed + 2)
    for layer in range(text.num_hidden_layers - text.num_kv_shared_layers, text.num_hidden_layers):
        for name, tensor in [it for it in tensors.items() if ".layers.0." in it[0]]:
            if any(f".layers.0.{it}." in name for it in names):
                noise = torch.randn(tensor.shape, generator=generator) / tensor.shape[-1] ** 0.5
                tensors[name.replace(".layers.0.", f".layers.{layer}.")] = noise.to(tensor.dtype)
    files.save_tensors(tensors, path)


def window_of(text: PreTrainedConfig) -> int | None:
    """The window that some layer really applies."""
    if getattr(text, "use_sliding_window", True) is False:
        return None
    for name in ("sliding_window", "attention_window_size", "attention_chunk_size"):
        if isinstance(value := getattr(text, name, None), int) and value > 0:
            return value
    return None


def can_tie(model: torch.nn.Module, text: PreTrainedConfig) -> bool:
    """Whether the definition knows what to tie and its config class allows it."""
    try:
        type(text)(tie_word_embeddings=True)
    except Exception:  # noqa: BLE001 - a class may refuse in any way
        return False
    return bool(getattr(model, "_tied_weights_keys", None))


def write_config(model: Any, config: Any, request: dict, dtype: torch.dtype) -> dict:
    """config.json with every field, in the wanted spelling."""
    model_type, out = request["model_type"], request["out"]
    base = {}
    if request.get("base_config"):
        base = files.read_json(request["base_config"])
        base = base.get("text_config", base)
    saved = model.config if type(model.config) is type(config) else config
    tree = plain(saved)
    result = {"spelling": "rope_parameters", "note": None}
    part_config = text_config(saved)
    part = tree.get("text_config", tree) if part_config is not saved else tree
    row = adjustment_of(model_type, part_config.model_type)
    if base:
        result = write_published(base, part, part_config, result)
    else:
        result = write_as_type(row, request, part, part_config, result)
    name = str(dtype).removeprefix("torch.")
    for it in {id(tree): tree, id(part): part}.values():
        it.pop("dtype", None)
        it["torch_dtype"] = name
        if result["spelling"] != "rope_theta":
            it["dtype"] = name
    tree["architectures"] = [row.architecture or type(model).__name__]
    files.write_json(os.path.join(out, "config.json"), tree)
    return result


def write_published(base: dict, part: dict, part_config: PreTrainedConfig, result: dict) -> dict:
    """The fields of a published file, in its own spelling."""
    default = type(part_config)(**copy.deepcopy({key: it for key, it in base.items()
                                                 if key not in published.STORAGE}))
    whole = vars(default)
    fields = published.as_published(base, whole, part, part_config, head_dim_of(part), head_dim_of(whole))
    part.clear()
    part.update(fields)
    said = [it for it in published.ROPE if it in base]
    if not getattr(part_config, "rope_parameters", None):
        spelled = "none"
    else:
        spelled = "rope_theta" if said and "rope_parameters" not in said else "rope_parameters"
    note = "a published config is judged in the spelling that it has"
    return {**result, "spelling": spelled, "note": note}


def write_as_type(row: Adjustment, request: dict, part: dict, part_config: PreTrainedConfig,
                  result: dict) -> dict:
    """Every field, as published files of the type have them, in the wanted spelling."""
    for key in row.omit:
        part.pop(key, None)
    wished = request.get("overrides") or {}
    keep_nulls(wished, part, part_config)
    for key, value in row.extra.items():
        part[key] = copy.deepcopy(wished.get(key, value))
    if row.layer_words:
        part["layer_types"] = [row.layer_words.get(it, it) for it in part["layer_types"]]
    for alias in row.publish_as:
        part[alias] = part.pop(type(part_config).attribute_map[alias])
    parameters = part.get("rope_parameters")
    if not parameters:
        result["note"] = "the config class has no rope_parameters: there is one spelling only"
        result["spelling"] = "none"
    elif row.new_spelling_only:
        result["note"] = "no published config.json of this type has the older RoPE fields"
    else:
        source = inspect.getsource(type(part_config))
        aliases = {it for it in ("rotary_emb_base", "rotary_pct", "rope_pct") if it in source}
        old = spelling.old_spelling(part_config, part, aliases)
        if old is None:
            result["note"] = "no old spelling reads back to the same RoPE parameters"
        elif request["spelling"] == "rope_theta":
            part.clear()
            part.update(old)
            result["spelling"] = "rope_theta"
    return result


def keep_nulls(wished: dict, part: dict, part_config: PreTrainedConfig) -> None:
    """Fields that are wished null are written null, where the class fills them in with what it has now."""
    for key, value in wished.items():
        if value is not None or part.get(key) is None:
            continue
        try:
            read = plain(type(part_config)(**copy.deepcopy({**part, key: None})))
        except Exception:  # noqa: BLE001 - a class may refuse in any way
            continue
        if all(read.get(it) == value for it, value in part.items()):
            part[key] = None


def plain(config: PreTrainedConfig) -> dict:
    """Every field of a config as a published config.json has them."""
    tree = config.to_dict()

    def clean(node: Any) -> Any:
        if isinstance(node, dict):
            return {str(key): clean(it) for key, it in node.items() if key not in _PLUMBING}
        if isinstance(node, (list, tuple)):
            return [clean(it) for it in node]
        if isinstance(node, torch.dtype):
            return str(node).removeprefix("torch.")
        return node

    return clean(tree)
