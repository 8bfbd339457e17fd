"""The base of every module."""

import itertools
from collections import OrderedDict, namedtuple

from ..._tensor import Tensor
from ..parameter import Buffer, Parameter
from ._casting import Casting
from ._hooks import Handle, Hooks
from ._naming import Naming
from ._state import StateDict

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class Module(Naming, StateDict, Casting, Hooks):
    """A part of a model: parameters, buffers and other modules by name, and ``forward``.

    They lie in the instance's own dictionary too, so that reading one is an ordinary lookup.
    """

    training = True
    call_super_init = False
    _version = 1

    def __init__(self, *args, **kwargs):
        own = self.__dict__
        # RustPython makes the callee's name before every call with `**kwargs`, for an error that it
        # may have to raise; without this one it draws the whole tree of modules.
        own["__qualname__"] = type(self).__qualname__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        own["_modules"] = {}
        own["_forward_hooks"] = {}
        own["_forward_pre_hooks"] = {}

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        try:
            if self._forward_hooks or self._forward_pre_hooks:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            if "_portwright_module_object" not in error.__dict__:
                error._portwright_module_object = self
            raise

    _call_impl = _wrapped_call_impl = __call__

    def __setattr__(self, name, value):
        own = self.__dict__
        if "_modules" not in own:
            if isinstance(value, (Module, Parameter)):
                raise AttributeError("cannot assign parameters or modules before Module.__init__() call")
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Parameter):
            self._forget(name)
            own["_parameters"][name] = value
        elif isinstance(value, Module):
            self._forget(name)
            own["_modules"][name] = value
        elif isinstance(value, Buffer):
            self._forget(name)
            self.register_buffer(name, value, value.persistent)
        elif name in own["_parameters"]:
            if value is not None:
                raise TypeError(f"cannot assign '{type(value).__name__}' as parameter '{name}' "
                                "(torch.nn.Parameter or None expected)")
            own["_parameters"][name] = None
        elif name in own["_buffers"]:
            own["_buffers"][name] = value
        elif name in own["_modules"]:
            if value is not None:
                raise TypeError(f"cannot assign '{type(value).__name__}' as child module '{name}' "
                                "(torch.nn.Module or None expected)")
            own["_modules"][name] = None
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(kind)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name):
        self._forget(name)
        self.__dict__.pop(name, None)

    def _forget(self, name):
        own = self.__dict__
        own["_parameters"].pop(name, None)
        own["_buffers"].pop(name, None)
        own["_modules"].pop(name, None)
        own["_non_persistent_buffers_set"].discard(name)

    def register_buffer(self, name, tensor, persistent=True):
        own = self.__dict__
        own["_buffers"][name] = tensor
        own[name] = tensor
        if persistent:
            own["_non_persistent_buffers_set"].discard(name)
        else:
            own["_non_persistent_buffers_set"].add(name)

    def register_parameter(self, name, param):
        self.__dict__["_parameters"][name] = param
        self.__dict__[name] = param

    def add_module(self, name, module):
        self.__dict__["_modules"][name] = module
        self.__dict__[name] = module

    register_module = add_module

    def apply(self, fn):
        for it in self.children():
            it.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        self.training = mode
        for it in self.children():
            it.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for it in self.parameters():
            it.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none=True):
        pass

    def share_memory(self):
        return self

    def compile(self, *args, **kwargs):
        pass

    def get_extra_state(self):
        raise RuntimeError("this module has no extra state")

    def extra_repr(self):
        return ""

    def _get_name(self):
        return type(self).__name__

    def __repr__(self):
        lines = [f"({name}): " + repr(it).replace("\n", "\n  ") for name, it in self._modules.items()]
        extra = self.extra_repr()
        if not lines:
            return f"{self._get_name()}({extra})"
        return self._get_name() + "(\n  " + "\n  ".join(([extra] if extra else []) + lines) + "\n)"

    def __dir__(self):
        return sorted({*dir(type(self)), *self.__dict__})


def register_module_forward_hook(hook, **options):
    raise NotImplementedError("hooks on every module")


_IncompatibleKeys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])
