"""The base of every model: building, attention and experts implementations, tied weights."""

import re
from contextlib import contextmanager
from typing import get_type_hints

import torch
from torch import nn

from . import initialization as init
from ._attention import ALL_ATTENTION_FUNCTIONS, AttentionInterface
from ._beside import beside
from ._embeddings import EmbeddingAccessMixin
from ._initialising import Initialising
from ._tying import Tying
from .configuration_utils import PreTrainedConfig
from .generation.configuration_utils import GenerationConfig
from .utils import DUMMY_INPUTS, PushToHubMixin, logging
from .utils.output_capturing import _CAN_RECORD_REGISTRY

logger = logging.get_logger(__name__)


@contextmanager
def local_torch_dtype(dtype, model_class_name=None):
    """The default dtype while a model is built."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class ModuleUtilsMixin:
    """What a module's parameters say."""

    @property
    def device(self):
        return next(it.device for it in self.parameters())

    @property
    def dtype(self):
        return next(it.dtype for it in self.parameters() if it.is_floating_point())

    def num_parameters(self, only_trainable=False, exclude_embeddings=False):
        return sum(it.numel() for it in self.parameters())

    def invert_attention_mask(self, encoder_attention_mask):
        mask = encoder_attention_mask[:, None] if encoder_attention_mask.ndim == 3 \
            else encoder_attention_mask[:, None, None, :]
        mask = mask.to(dtype=self.dtype)
        return (1.0 - mask) * torch.finfo(self.dtype).min

    def get_extended_attention_mask(self, attention_mask, input_shape, dtype=None):
        mask = attention_mask[:, None] if attention_mask.ndim == 3 else attention_mask[:, None, None, :]
        dtype = dtype or self.dtype
        return (1.0 - mask.to(dtype=dtype)) * torch.finfo(dtype).min

    def get_head_mask(self, head_mask, num_hidden_layers, is_attention_chunked=False):
        if head_mask is not None:
            raise NotImplementedError("head masks")
        return [None] * num_hidden_layers


class PreTrainedModel(nn.Module, EmbeddingAccessMixin, ModuleUtilsMixin, Initialising, Tying, PushToHubMixin):
    """A model with a config."""

    config_class = None
    generation_config_class = GenerationConfig
    _auto_class = None
    base_model_prefix = ""
    _is_stateful = False
    model_tags = None
    main_input_name = "input_ids"
    input_modalities = "text"
    _no_split_modules = None
    _skip_keys_device_placement = None
    _keep_in_fp32_modules = None
    _keep_in_fp32_modules_strict = None
    _tied_weights_keys = None
    _keys_to_ignore_on_load_missing = None
    _keys_to_ignore_on_load_unexpected = None
    _keys_to_ignore_on_save = None
    _supports_sdpa = False
    _supports_flash_attn = False
    _supports_flex_attn = False
    _compatible_flash_implementations = None
    _supports_context_parallel = True
    supports_gradient_checkpointing = False
    _can_compile_fullgraph = False
    _supports_attention_backend = False
    _can_record_outputs = None
    _tp_plan = None
    _pp_plan = None
    _ep_plan = None
    hf_quantizer = None
    kernel_config = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("config_class")
        if own is None:
            own = cls.__dict__.get("__annotations__", {}).get("config")
            if own is None:
                own = _annotated_config(cls)
            if isinstance(own, type):
                cls.config_class = own

    def __init__(self, config, *inputs, **kwargs):
        super().__init__()
        if not isinstance(config, PreTrainedConfig):
            raise TypeError(f"Parameter config in `{type(self).__name__}(config)` should be an instance "
                            "of class `PreTrainedConfig`.")
        self.config = config
        self.name_or_path = config.name_or_path
        self.config._attn_implementation_internal = self.get_correct_attn_implementation(
            config._attn_implementation)
        self.config._experts_implementation_internal = self.get_correct_experts_implementation(
            config._experts_implementation)
        if self.can_generate():
            self.generation_config = self.generation_config_class.from_model_config(config)
        self.loss_type = None
        _CAN_RECORD_REGISTRY[str(type(self))] = self._can_record_outputs

    @property
    def can_record_outputs(self):
        return self._can_record_outputs or {}

    @property
    def base_model(self):
        return getattr(self, self.base_model_prefix, self)

    @property
    def dummy_inputs(self):
        return {"input_ids": torch.tensor(DUMMY_INPUTS)}

    @property
    def loss_function(self):
        from .loss.loss_utils import LOSS_MAPPING

        name = type(self).__name__
        for kind, function in LOSS_MAPPING.items():
            if kind in name:
                return function
        return LOSS_MAPPING["ForCausalLM"]

    @property
    def framework(self):
        return "pt"

    @property
    def is_gradient_checkpointing(self):
        return False

    @classmethod
    def can_generate(cls):
        return any(it.__name__ == "GenerationMixin" for it in cls.__mro__)

    @classmethod
    def is_custom_code(cls):
        return False

    @classmethod
    def is_backend_compatible(cls):
        return cls._supports_attention_backend

    @classmethod
    def _from_config(cls, config, **kwargs):
        dtype = kwargs.pop("dtype", kwargs.pop("torch_dtype", config.dtype))
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype)
        config.dtype = dtype
        for key in config.sub_configs:
            sub = getattr(config, key)
            if sub is not None:
                sub.dtype = dtype
        if "attn_implementation" in kwargs:
            config._attn_implementation = kwargs.pop("attn_implementation")
        if "experts_implementation" in kwargs:
            config._experts_implementation = kwargs.pop("experts_implementation")
        kwargs.pop("allow_all_kernels", None)
        with local_torch_dtype(dtype or torch.get_default_dtype(), cls.__name__):
            model = cls(config, **kwargs)
        # What a class's own `init_weights` ends in.
        model.tie_weights(recompute_mapping=False)
        return model

    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        raise PermissionError("model code opens no checkpoints: the machine's caller does")

    def get_correct_attn_implementation(self, requested_attention, is_init_check=False):
        name = requested_attention
        if name is None:
            return "sdpa" if self._supports_sdpa else "eager"
        if name != "eager" and name not in ALL_ATTENTION_FUNCTIONS:
            known = ", ".join(["eager", *ALL_ATTENTION_FUNCTIONS.valid_keys()])
            raise ValueError(f"no attention implementation `{name}`; there are {known}")
        return name

    def get_correct_experts_implementation(self, requested_experts):
        return "eager" if requested_experts is None else requested_experts

    def set_attn_implementation(self, attn_implementation, **options):
        for it in self.modules():
            if isinstance(it, PreTrainedModel):
                name = attn_implementation
                if isinstance(name, dict):
                    name = name.get("", it.config._attn_implementation)
                it.config._attn_implementation_internal = it.get_correct_attn_implementation(name)

    def gradient_checkpointing_enable(self, *args, **kwargs):
        pass

    gradient_checkpointing_disable = enable_input_require_grads = gradient_checkpointing_enable

    def warn_if_padding_and_no_attention_mask(self, input_ids, attention_mask):
        pass

    def get_decoder(self):
        for name in ("language_model", "text_model", "decoder", "text_decoder", "model"):
            found = getattr(self, name, None)
            if found is not None:
                return found.get_decoder() if name == "model" and hasattr(found, "get_decoder") else found
        return self

    def get_encoder(self, modality=None):
        names = ("vision_tower", "visual", "vision_model", "image_tower") if modality == "image" \
            else ("encoder", "text_encoder")
        for name in names:
            found = getattr(self, name, None)
            if found is not None:
                return found
        base = self.base_model
        return base.get_encoder(modality) if base is not self and hasattr(base, "get_encoder") else self

    def post_init(self):
        self.all_tied_weights_keys = self.get_expanded_tied_weights_keys(all_submodels=False)
        collected = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict", "_no_split_modules",
                     "_skip_keys_device_placement", "_keys_to_ignore_on_load_unexpected",
                     "_keys_to_ignore_on_load_missing", "_keys_to_ignore_on_save")
        for name in collected:
            setattr(self, name, set(getattr(self, name) or ()))
        for path, module in self.named_children():
            tied = getattr(module, "all_tied_weights_keys", None)
            if tied:
                self.all_tied_weights_keys.update({f"{path}.{a}": f"{path}.{b}" for a, b in tied.items()})
            for name in collected[:-1]:
                more = getattr(module, name, None)
                if more:
                    getattr(self, name).update(more)
        self._collect_plans()

    def _collect_plans(self):
        """The parallel plans of the config and of the sub-models, under their full names."""
        for kind in ("tp", "pp", "ep"):
            plan = dict(getattr(self, f"_{kind}_plan", None) or {})
            if self.base_model is self:
                plan.update(getattr(self.config, f"base_model_{kind}_plan", None) or {})
            for path, module in self.named_children():
                for pattern, value in (getattr(module, f"_{kind}_plan", None) or {}).items():
                    plan[f"{path}.{pattern}"] = value
            setattr(self, f"_{kind}_plan", plan)


def _annotated_config(cls):
    """The class that the type hints name for the config, if they can be read."""
    try:
        return get_type_hints(cls).get("config")
    except NameError:
        return None


def unwrap_model(model, recursive=False):
    return model


def get_parameter_dtype(module):
    return next(it.dtype for it in module.parameters() if it.is_floating_point())


class PreTrainedAudioTokenizerBase(PreTrainedModel):
    """Named by definitions of audio codecs."""


def _get_resolved_checkpoint_files(*args, **kwargs):
    raise PermissionError("model code opens no checkpoints")


class LoadStateDictConfig:
    """How a checkpoint is loaded."""

    def __init__(self, dtype=None, dtype_plan=None, weight_mapping=None, **more):
        self.dtype, self.dtype_plan, self.weight_mapping = dtype, dtype_plan, weight_mapping
        self.device_map = self.hf_quantizer = self.disk_offload_folder = None
        self.offload_buffers = False
        self.__dict__.update(more)


__getattr__ = beside("transformers.modeling_utils", globals())
