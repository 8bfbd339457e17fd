"""What a model is made of: its modules, their source lines, its plans; no weight is needed for it."""

import re
import sys

import torch
from torch import nn
from transformers import core_model_loading
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.modeling_utils import PreTrainedModel, local_torch_dtype
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.pytorch_utils import Conv1D

from . import config_ledger, ignored, loading, remote
from .weightless import Weightless

_KINDS = ("tp", "ep", "pp")
_FLAGS = ("_supports_attention_backend", "_supports_sdpa", "_supports_flash_attn", "_supports_flex_attn",
          "_can_compile_fullgraph", "_is_stateful")
# An attribute of these names counts layers; it does not tell two kinds of them apart.
_COUNTS = re.compile(r"idx|index|layer_id|layer_number|^training$")


def build(request):
    """The model of a config, or of a model type's defaults, without memory."""
    fields = request.get("config")
    if fields is None:
        model_type = request["model_type"]
        if model_type not in CONFIG_MAPPING:
            raise ValueError(f"`{model_type}` is not a model type of this transformers")
        config, architecture = CONFIG_MAPPING[model_type](), None
    else:
        architecture = remote.register(fields)
        config = loading.config_of(fields)
    try:
        return _built(config, architecture)
    except ImportError:
        # A tower of a multimodal model needs a library that is not here: its text part does not.
        text = config.get_text_config(decoder=True)
        if text is config:
            raise
        return _built(text, None)


def _built(config, architecture):
    cls = loading.model_class(config, architecture)
    if cls.config_class is config.sub_configs.get("text_config"):
        config = config.get_text_config()
    dtype = config.dtype or torch.float32
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype)
    config_ledger.watch(config)
    with local_torch_dtype(dtype), Weightless():
        model = cls(config)
    read = config_ledger.fields_read(config)
    model.tie_weights(missing_keys=set(model.all_tied_weights_keys), recompute_mapping=False)
    return model, read


def describe(request):
    """Modules, plans, flags and config of a model; with `tensors`, how a checkpoint fits it."""
    model, read = build(request)
    cls = type(model)
    config = model.config
    return {
        "model_type": config.model_type, "class": cls.__name__, "file": _file(cls),
        "config_class": type(config).__name__, "config_file": _file(type(config)),
        "dtype": model.dtype.name if any(True for _ in model.parameters()) else None,
        "parameters": sum(it.numel() for it in model.parameters()),
        "bytes": sum(it.numel() * it.element_size() for it in model.parameters()),
        "base": cls.base_model_prefix,
        "modules": _rows(model),
        "tied": dict(model.all_tied_weights_keys),
        "plans": _plans(model),
        "flags": [{"name": name, "value": bool(getattr(cls, name, False)), "class": _owner(cls, name)}
                  for name in _FLAGS],
        "config": {
            "fields": {path: _plain(it) for path, it in _values(config)},
            "read": sorted(read),
        },
        "fit": _fit(model, request["tensors"]) if request.get("tensors") is not None else None,
    }


def _rows(model):
    rows, made, seen = [], {"": None}, {}
    for name, module in model.named_modules(remove_duplicate=False):
        cls = type(module)
        code = _code(cls.forward)
        if name:
            parent, _, own = name.rpartition(".")
            lines = made[parent][0].__dict__.get("_portwright_lines", {}) if made[parent] else {}
            line_made = lines.get(own) or (made[parent][1] if made[parent] else None)
        else:
            line_made = None
        made[name] = (module, line_made)
        rows.append({
            "name": name, "class": cls.__name__, "bases": [it.__name__ for it in cls.__mro__[1:-1]][:8],
            "file": _file(cls), "forward": [code.co_filename, code.co_firstlineno] if code else None,
            "made": line_made,
            "role": _role(module),
            "same_as": seen.get(id(module)),
            "parameters": {key: _tensor(it) for key, it in module._parameters.items() if it is not None},
            "buffers": {key: {**_tensor(it), "kept": key not in module._non_persistent_buffers_set}
                        for key, it in module._buffers.items() if it is not None},
            "settings": _settings(module),
        })
        seen.setdefault(id(module), name)
    return rows


def _role(module):
    """What a parallel plan has to say something about: what multiplies by a large weight."""
    if isinstance(module, (nn.Linear, Conv1D)):
        return "linear"
    if isinstance(module, nn.Embedding):
        return "embedding"
    if any(it.ndim == 3 for it in module._parameters.values() if it is not None) \
            and "Conv" not in type(module).__name__:
        return "experts"
    return None


def _settings(module):
    """Plain attributes that may tell two layers of one class apart."""
    return {key: it for key, it in module.__dict__.items()
            if key[0] != "_" and isinstance(it, (bool, int, float, str)) and not _COUNTS.search(key)
            and it == it and it not in (float("inf"), float("-inf"))}


def _tensor(it):
    return {"shape": list(it.shape), "dtype": it.dtype.name}


def _plans(model):
    """Each plan's entries under their full names, with who says so."""
    found = {kind: [] for kind in _KINDS}
    for kind in _KINDS:
        for pattern, value, origin in _entries(model, kind):
            found[kind].append({"pattern": pattern, "value": _plain(value), "origin": origin})
    return found


def _entries(model, kind):
    rows = {}
    cls = type(model)
    owner = _owner(cls, f"_{kind}_plan")
    for pattern, value in (getattr(cls, f"_{kind}_plan", None) or {}).items():
        rows[pattern] = (value, f"{owner}._{kind}_plan")
    if model.base_model is model:
        name = f"base_model_{kind}_plan"
        for pattern, value in (getattr(model.config, name, None) or {}).items():
            rows[pattern] = (value, f"{_owner(type(model.config), name)}.{name}")
    for path, child in model.named_children():
        if isinstance(child, PreTrainedModel):
            for pattern, value, origin in _entries(child, kind):
                rows[f"{path}.{pattern}"] = (value, origin)
    return [(pattern, value, origin) for pattern, (value, origin) in rows.items()]


def _owner(cls, name):
    """The class that gives an attribute its value."""
    for it in cls.__mro__:
        if name in it.__dict__:
            return it.__name__
    return cls.__name__


def _values(config):
    for prefix, part in config_ledger._parts(config):
        for name, value in part.__dict__.items():
            if name[0] != "_" and name not in config.sub_configs:
                yield prefix + name, value


def _plain(value):
    """A value as JSON has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(it) for key, it in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(it) for it in value]
    return str(value)


def fields(config):
    """Every field of a config, those of its parts included, as its config.json has them."""
    return _plain(config._encode_special_floats(config.to_dict()))


def _fit(model, tensors):
    """Which of a checkpoint's tensors the model takes, by their names and shapes alone."""
    rules = get_model_conversion_mapping(model)
    renamings = [it for it in rules if isinstance(it, core_model_loading.WeightRenaming)]
    converters = [it for it in rules if isinstance(it, core_model_loading.WeightConverter)]
    of_pattern = {pattern: it for it in converters for pattern in it.source_patterns}
    wanted = model.state_dict()
    missing, unexpected, mismatched, renamed = set(wanted), [], [], 0
    rename = core_model_loading.rename_source_key
    for name, tensor in tensors.items():
        key, pattern = rename(name, renamings, converters, model.base_model_prefix, wanted)
        if key not in wanted and name in wanted:
            key, pattern = rename(name, [], [], base_model_prefix=model.base_model_prefix,
                                  meta_state_dict=wanted)
        if key not in wanted:
            unexpected.append(name)
            continue
        renamed += key != name
        missing.discard(key)
        if pattern is None:
            if list(wanted[key].shape) != tensor["shape"]:
                mismatched.append([name, tensor["shape"], list(wanted[key].shape)])
            continue
        first, *others = of_pattern[pattern].target_patterns
        missing -= {key.replace(first, it) for it in others}
    tied = model.all_tied_weights_keys
    lost = {it for it in missing if it not in tied or tied[it] in missing}
    return {
        "tensors": len(tensors), "renamed": renamed,
        "missing": ignored.missing(model, lost),
        "tied": sorted(missing - lost),
        "unexpected": ignored.unexpected(model, unexpected),
        "mismatched": mismatched,
    }


def _code(function):
    """The code of a function below its decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return getattr(function, "__code__", None)


def _file(cls):
    return getattr(sys.modules.get(cls.__module__), "__file__", None)
