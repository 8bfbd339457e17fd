"""Contexts and switches that say nothing to a machine that computes forward only."""

from functools import wraps

import _kernels


class _Context:
    """A context, a decorator, and both without effect."""

    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False

    def __call__(self, function):
        @wraps(function)
        def wrapped(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapped

    def __new__(cls, function=None, *args, **kwargs):
        if callable(function) and not isinstance(function, type):
            return function
        return object.__new__(cls)


class no_grad(_Context):
    """Nothing is recorded anyway."""


class enable_grad(_Context):
    """Nothing is recorded even so."""


class inference_mode(_Context):
    """As no_grad."""


class set_grad_enabled(_Context):
    """As no_grad."""


class autocast(_Context):
    """Dtypes are what the definition says: nothing is cast behind its back."""


def is_grad_enabled():
    return False


def is_inference_mode_enabled():
    return True


def is_autocast_enabled(device_type=None):
    return False


def get_autocast_dtype(device_type=None):
    from ._kinds import bfloat16

    return bfloat16


get_autocast_gpu_dtype = get_autocast_cpu_dtype = get_autocast_dtype


def is_autocast_cache_enabled():
    return False


def set_float32_matmul_precision(precision):
    pass


def get_float32_matmul_precision():
    return "highest"


def use_deterministic_algorithms(mode, *, warn_only=False):
    pass


def get_num_threads():
    return 1


def set_num_threads(number):
    pass


def compile(model=None, **options):
    return (lambda it: it) if model is None else model


def _assert(condition, message):
    if not condition:
        raise AssertionError(message)


def _check(condition, message=None):
    if not condition:
        raise RuntimeError(message() if callable(message) else message or "a check failed")


def _check_is_size(value, message=None, *, max=None):
    _check(value >= 0, message)


def set_default_device(device):
    """Sets the device of tensors that are made from no other tensor."""
    _kernels.set_default_device(str(device))


def get_default_device():
    from ._kinds import device

    return device(_kernels.get_default_device())


def set_printoptions(**options):
    pass


def typename(value):
    return type(value).__name__


def is_tensor(value):
    from ._tensor import Tensor

    return isinstance(value, Tensor)


def is_storage(value):
    return False
