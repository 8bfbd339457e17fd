"""First values of what a checkpoint does not hold: buffers computed from the config above all."""

import torch
from torch import nn

from . import initialization as init
from .modeling_rope_utils import ROPE_INIT_FUNCTIONS


class Initialising:
    """What runs over the modules once the checkpoint's tensors are in their places."""

    def _init_weights(self, module):
        std = self._init_std()
        kind = type(module).__name__
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d,
                               nn.ConvTranspose2d)):
            if getattr(module, "weight", None) is not None:
                init.normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, mean=0.0, std=std)
        elif isinstance(module, nn.MultiheadAttention):
            module._reset_parameters()
        elif isinstance(module, (nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) \
                or "LayerNorm" in kind or "RMSNorm" in kind:
            if getattr(module, "weight", None) is not None:
                init.ones_(module.weight)
            if getattr(module, "bias", None) is not None:
                init.zeros_(module.bias)
            if getattr(module, "running_mean", None) is not None:
                init.zeros_(module.running_mean)
                init.ones_(module.running_var)
                init.zeros_(module.num_batches_tracked)
        elif "RotaryEmbedding" in kind and hasattr(module, "original_inv_freq"):
            functions = {
                "axial": getattr(module, "compute_axial_rope_parameters", None),
                "ntk_alpha": getattr(module, "compute_ntk_alpha_rope_parameters", None),
                "default": getattr(module, "compute_default_rope_parameters", None),
                **ROPE_INIT_FUNCTIONS,
            }
            frequencies, _ = functions[module.rope_type](module.config)
            init.copy_(module.inv_freq, frequencies)
            init.copy_(module.original_inv_freq, frequencies)

    def _init_std(self):
        for name, default in (("initializer_range", 0.02), ("init_std", None), ("initializer_factor", None)):
            if hasattr(self.config, name):
                return getattr(self.config, name) or default
        return getattr(self.config.get_text_config(), "initializer_range", 0.02)

    def _initialize_weights(self, module, is_custom_code=False):
        if not getattr(module, "_is_hf_initialized", False):
            self._init_weights(module)
            module._is_hf_initialized = True

    @torch.no_grad()
    def initialize_weights(self):
        _walk(self, self)

    def init_weights(self):
        pass


def _walk(module, owner):
    """Children first; a sub-model initialises its own."""
    for it in module.children():
        _walk(it, it if isinstance(it, Initialising) else owner)
    owner._initialize_weights(module)
