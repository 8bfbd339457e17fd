"""Kernels, experts and libraries beside PyTorch."""

from .hub_kernels import (
    lazy_load_kernel, use_kernel_forward_from_hub, use_kernel_func_from_hub,
    use_kernel_func_from_hub_with_fallback, use_kernelized_func,
)


def __getattr__(name):
    if name in ("use_experts_implementation", "ALL_EXPERTS_FUNCTIONS", "ExpertsInterface"):
        from . import moe

        return getattr(moe, name)
    if name in ("is_deepspeed_zero3_enabled", "is_fsdp_managed_module", "is_deepspeed_available"):
        return lambda *args, **kwargs: False
    raise AttributeError(f"transformers.integrations has no `{name}` in this dialect")
