"""A package whose names are found in its files when they are asked for."""

import importlib
import types

import _kernels


class LazyModule(types.ModuleType):
    """What transformers puts in place of a definition's package."""

    def __init__(self, name, module_file, import_structure=None, module_spec=None, **ignored):
        super().__init__(name)
        self.__file__ = module_file
        self.__spec__ = module_spec
        self.__path__ = [module_file.rpartition("/")[0]] if module_file else []
        self.__package__ = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        modules = _kernels.list(self.__name__)
        if name in modules:
            return importlib.import_module(f"{self.__name__}.{name}")
        for it in sorted(modules, key=lambda it: not it.startswith(("configuration_", "modeling_"))):
            if not it.startswith(("configuration_", "modeling_")):
                continue
            module = importlib.import_module(f"{self.__name__}.{it}")
            if name in getattr(module, "__all__", ()) or name in module.__dict__:
                return getattr(module, name)
        raise AttributeError(f"{self.__name__} has no `{name}`")
