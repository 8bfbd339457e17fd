"""Layers and functions that a kernel from the Hub could replace: they stay what they are."""

ALLOW_ALL_KERNELS = False


def _stays(*args, **kwargs):
    return lambda it: it


use_kernel_forward_from_hub = use_kernelized_func = use_kernel_func_from_hub = _stays
replace_kernel_forward_from_hub = _stays


def use_kernel_func_from_hub_with_fallback(func_name, package, internal_path=None):
    """The function itself, without the arguments that only a kernel would take."""
    import functools
    import inspect

    def decorator(function):
        parameters = inspect.signature(function).parameters
        if any(it.kind is it.VAR_KEYWORD for it in parameters.values()):
            return function
        names = frozenset(parameters)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            if kwargs.get("cu_seqlens") is not None or kwargs.get("seq_idx") is not None:
                raise NotImplementedError(f"{func_name}() of packed sequences needs a kernel")
            return function(*args, **{name: it for name, it in kwargs.items() if name in names})

        return wrapped

    return decorator


def lazy_load_kernel(kernel_name, mapping=None):
    return None


def is_kernel(attn_implementation):
    return False


def get_kernel(*args, **kwargs):
    raise ImportError("kernels from the Hub")
