"""Which libraries are installed: torch, and nothing else.

A question that this file does not know, ``is_..._available`` or ``is_..._compiling``, has the
answer no, so that a later release's new questions need nothing here.
"""

from functools import lru_cache

from packaging import version

from .._lazy import LazyModule as _LazyModule

ENV_VARS_TRUE_VALUES = {"1", "ON", "YES", "TRUE"}
ENV_VARS_TRUE_AND_AUTO_VALUES = ENV_VARS_TRUE_VALUES | {"AUTO"}
PACKAGE_DISTRIBUTION_MAPPING = {}
ACCELERATE_MIN_VERSION = BITSANDBYTES_MIN_VERSION = KERNELS_MIN_VERSION = KERNELS_MAX_VERSION = "0"


def is_torch_available():
    return True


def is_torch_flex_attn_available():
    return True


def get_torch_version():
    import torch

    return torch.__version__


def is_torch_greater_or_equal(library_version, accept_dev=False):
    return version.parse(get_torch_version()) >= version.parse(library_version)


def is_torch_less_or_equal(library_version, accept_dev=False):
    return version.parse(get_torch_version()) <= version.parse(library_version)


def is_env_variable_true(name):
    return False


def is_env_variable_false(name):
    return True


def get_device_type():
    return "cpu"


def torch_compilable_check(cond, msg=None, msg_callable=None):
    if not isinstance(cond, bool):
        cond = bool(cond)
    if not cond:
        raise ValueError(msg() if callable(msg) else msg)


def requires(*, backends=()):
    return lambda it: it


def requires_backends(obj, backends):
    wanted = [backends] if isinstance(backends, str) else backends
    missing = [it for it in wanted if it != "torch"]
    if missing:
        raise ImportError(f"{getattr(obj, '__name__', type(obj).__name__)} requires {', '.join(missing)}")


def define_import_structure(module_path, prefix=None):
    return module_path


def direct_transformers_import(path, file="__init__.py"):
    import transformers

    return transformers


def resolve_internal_import(module, chained_path):
    return None


def check_torch_load_is_safe():
    pass


class OptionalDependencyNotAvailable(BaseException):
    """Raised by the library's lazy imports."""


class DummyObject(type):
    """The type of what stands for a class of a library that is missing."""


def _no(*args, **kwargs):
    return False


def __getattr__(name):
    if name.startswith("is_") or name in ("get_tensor_parallel_size",):
        return _no
    raise AttributeError(f"transformers.utils has no `{name}` in this dialect")
