"""Imports the parts of mlx-lm that loading a model needs, and not the ones that tokenizing does.

``import mlx_lm`` runs ``convert`` and ``generate``, which import transformers and, where it is
installed, torch: seconds and 800 MB that no op here uses. ``mlx_lm.utils`` itself, the code that
loads a user's model, is imported as it is. Two modules are put in ``sys.modules`` without being
run: the package's ``__init__`` and ``mlx_lm.tokenizer_utils``. Both run after all as soon as
somebody asks them for a name that only the real module has, so a port cannot notice.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import types
from types import ModuleType

from ..session import WorkerError

# What `mlx_lm.utils` imports from `tokenizer_utils` and only uses to load a tokenizer.
_TOKENIZER_NAMES = ("TokenizerWrapper", "load")


def import_mlx_lm() -> ModuleType:
    """The real ``mlx_lm.utils``, imported without transformers."""
    if "mlx_lm" not in sys.modules:
        _defer("mlx_lm", package=True)
        _defer("mlx_lm.tokenizer_utils", stand_ins=_TOKENIZER_NAMES)
    try:
        return importlib.import_module("mlx_lm.utils")
    except Exception:
        # An mlx-lm whose utils need more of the package than this one's: import it as users do.
        for name in [it for it in sys.modules if it == "mlx_lm" or it.startswith("mlx_lm.")]:
            del sys.modules[name]
        return importlib.import_module("mlx_lm.utils")


def version() -> str:
    """mlx-lm's version, read from its source (the package itself has not run)."""
    folder = package_folder()
    for name in ("_version.py", "__init__.py"):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                found = re.search(r"__version__\s*=\s*[\"']([^\"']+)", file.read())
            if found:
                return found.group(1)
    return "unknown"


def package_folder() -> str:
    """The folder of the mlx-lm in use."""
    return list(sys.modules["mlx_lm"].__path__)[0]


def _defer(name: str, package: bool = False, stand_ins: tuple[str, ...] = ()) -> None:
    """Put a module in place that runs its source when an unknown name is asked of it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        if package:
            raise WorkerError("port-missing", "mlx-lm is not installed beside MLX",
                              hint="pass --mlx-lm PATH, or build the workers' environment")
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = type("Deferred", (types.ModuleType,), {"__getattr__": _run_and_get})
    for it in stand_ins:
        # Each a class, because the names are used in annotations and in `isinstance`.
        module.__dict__[it] = type(it, (), {"__module__": name})
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _run_and_get(module: ModuleType, name: str) -> object:
    """``__getattr__`` of a deferred module: run it now."""
    if name.startswith("__") or module.__class__ is types.ModuleType:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    module.__class__ = types.ModuleType
    module.__spec__.loader.exec_module(module)
    return getattr(module, name)
