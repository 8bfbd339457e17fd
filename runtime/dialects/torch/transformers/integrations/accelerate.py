"""Placing weights on devices: there is one."""


def force_accelerate_hooks(child_module_names):
    return lambda it: it


def get_device(device_map, param_name, valid_torch_device=False):
    return "cpu"


def offload_weight(*args, **kwargs):
    raise NotImplementedError("weights kept on disk")


def __getattr__(name):
    raise AttributeError(f"transformers.integrations.accelerate has no `{name}` in this dialect")
