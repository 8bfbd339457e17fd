"""Building a model and putting a checkpoint's tensors into it, as the library does."""

import _kernels
import torch
from torch._creation import _Lazily
from transformers import core_model_loading
from transformers.configuration_utils import PreTrainedConfig
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import convert_and_load_state_dict_in_model
from transformers.modeling_utils import LoadStateDictConfig, local_torch_dtype
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import class_of, mapping, named

from . import config_ledger, ignored
from ._lazy_patterns import Lazily

core_model_loading.re = Lazily()


def config_of(fields):
    """The config object of a `config.json`."""
    # `{"__float__": "Infinity"}` is what JSON has no number for.
    fields = PreTrainedConfig._decode_special_floats(dict(fields))
    model_type = fields.get("model_type")
    if model_type not in CONFIG_MAPPING:
        raise ValueError(f"`{model_type}` is not a model type of this transformers")
    return CONFIG_MAPPING[model_type].from_dict(fields)


def model_class(config, architecture=None):
    """The causal LM: the class that `architectures` names if it is one, else the library's table's."""
    table = mapping("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
    if architecture:
        return named(config, architecture)
    if config.model_type in table:
        return class_of(config, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
    for name in config.architectures or ():
        return named(config, name)
    raise ValueError(f"no causal LM for `{config.model_type}` in this transformers")


def load(fields, dtype, attention, experts, architecture, ledger):
    """A model with the checkpoint's tensors, and what did not fit."""
    config = config_of(fields)
    try:
        return load_config(config, dtype, attention, experts, architecture, ledger)
    except ImportError:
        # A tower of a multimodal model needs a library that is not here: its text part does not.
        text = config.get_text_config(decoder=True)
        if text is config or architecture:
            raise
        return load_config(text, dtype, attention, experts, None, ledger)


def load_config(config, dtype, attention, experts, architecture, ledger):
    """A model of this very config, as `load` gives it."""
    cls = model_class(config, architecture)
    if cls.config_class is config.sub_configs.get("text_config"):
        # The library's auto class does the same for a text model under a multimodal type.
        config = config.get_text_config()
    wanted = getattr(torch, dtype) if dtype else config.dtype or torch.float32
    if isinstance(wanted, str):
        wanted = getattr(torch, wanted)
    config.dtype = wanted
    _kernels.set_rounds_halves(wanted not in (torch.bfloat16, torch.float16))
    for key in config.sub_configs:
        if getattr(config, key, None) is not None:
            getattr(config, key).dtype = wanted
    config._attn_implementation = attention
    config._experts_implementation = experts
    if ledger:
        config_ledger.watch(config)
    with local_torch_dtype(wanted), _Lazily():
        model = cls(config)
    info = _fill(model, wanted)
    if wanted is torch.float64:
        model.to(torch.float64)
    model.eval()
    report = {
        "class": cls.__name__, "file": _file_of(cls),
        "missing": ignored.missing(model, info.missing_keys),
        "unexpected": ignored.unexpected(model, info.unexpected_keys),
        "mismatched": [[it[0], list(it[1]), list(it[2])] for it in sorted(info.mismatched_keys)],
        "errors": {key: str(it) for key, it in info.conversion_errors.items()},
        "parameters": sum(it.numel() for it in model.parameters()),
    }
    return model, report


def _fill(model, dtype):
    tensors = {name: _Slice(name) for name in _kernels.weight_names()}
    plan = {}
    if dtype is torch.float16:
        plan.update(dict.fromkeys(model._keep_in_fp32_modules or (), torch.float32))
    if dtype in (torch.float16, torch.bfloat16):
        plan.update(dict.fromkeys(model._keep_in_fp32_modules_strict or (), torch.float32))
    conversions = get_model_conversion_mapping(model)
    how = LoadStateDictConfig(dtype=dtype, dtype_plan=plan, weight_mapping=conversions)
    info, _ = convert_and_load_state_dict_in_model(model=model, state_dict=tensors, load_config=how)
    if info.conversion_errors:
        first = next(iter(info.conversion_errors.items()))
        raise ValueError(f"the checkpoint's tensors for `{first[0]}` cannot be converted: {first[1]}")
    model.mark_tied_weights_as_initialized()
    for name in sorted(info.missing_and_mismatched() - model.all_tied_weights_keys.keys()):
        # The model was built without memory for what a checkpoint fills.
        tensor = model.get_parameter_or_buffer(name)
        tensor.set_data(tensor.clone())
    for _, buffer in model.named_non_persistent_buffers():
        buffer.set_data(buffer.clone())
    model.initialize_weights()
    model.tie_weights(missing_keys=info.missing_keys, recompute_mapping=False)
    return info


class _Slice:
    """A tensor of the checkpoint, read when it is asked for."""

    def __init__(self, name):
        self._name = name

    def __getitem__(self, index):
        tensor = _kernels.weight(self._name)
        return tensor if index is Ellipsis else tensor[index]

    def get_shape(self):
        return list(_kernels.weight(self._name).shape)

    @property
    def shape(self):
        return _kernels.weight(self._name).shape

    @property
    def dtype(self):
        return _kernels.weight(self._name).dtype

    def is_floating_point(self):
        return self.dtype.is_floating_point


def _file_of(cls):
    import sys

    return getattr(sys.modules.get(cls.__module__), "__file__", None)
