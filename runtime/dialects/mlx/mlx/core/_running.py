"""Devices, streams, evaluation and compilation: everything is computed at once, on the host."""

import functools


class DeviceType:
    """A kind of device."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"DeviceType.{self.name}"

    def __eq__(self, other):
        return self.name == getattr(other, "type", other).name if hasattr(
            getattr(other, "type", other), "name") else False

    def __hash__(self):
        return hash(self.name)


cpu, gpu = DeviceType("cpu"), DeviceType("gpu")


class Device:
    """Where a computation runs."""

    def __init__(self, type=cpu, index=0):
        self.type, self.index = type, index

    def __repr__(self):
        return f"Device({self.type.name}, {self.index})"

    def __eq__(self, other):
        return self.type == other

    def __hash__(self):
        return hash((self.type, self.index))


class Stream:
    """An order of computations."""

    def __init__(self, device):
        self.device, self.index = device, 0

    def __repr__(self):
        return f"Stream({self.device}, {self.index})"


_HOST = Device(cpu, 0)


class StreamContext:
    """A block that names a stream, which changes nothing here."""

    def __init__(self, stream):
        self._stream = stream

    def __enter__(self):
        return self._stream

    def __exit__(self, *exception):
        return False


def default_device():
    """The host."""
    return _HOST


def set_default_device(device):
    """The host is the only one."""
    if device != cpu:
        raise ValueError(f"there is no device {device} in this runtime")


def is_available(device):
    """Whether it is the host."""
    return device == cpu


def device_count(device):
    """One host."""
    return 1 if device == cpu else 0


def device_info(device=None):
    """Nothing is told of the host."""
    return {}


def default_stream(device=_HOST):
    """The one stream."""
    return Stream(_HOST)


def new_stream(device=_HOST):
    """The one stream."""
    return Stream(_HOST)


new_thread_local_stream = new_stream


def stream(s):
    """A block that names a stream."""
    return StreamContext(s)


def set_default_stream(stream):
    """There is one stream."""


def synchronize(stream=None):
    """Everything is computed already."""


def eval(*args):
    """Everything is computed already."""


def async_eval(*args):
    """Everything is computed already."""


def compile(fun=None, inputs=None, outputs=None, shapeless=False):
    """The function itself."""
    return fun if fun is not None else (lambda it: it)


def disable_compile():
    """Nothing is compiled."""


def enable_compile():
    """Nothing is compiled."""


def checkpoint(fun):
    """The function itself: nothing records gradients."""
    return fun


def custom_function(fun):
    """The function itself, with places for the gradients that nobody asks for."""
    @functools.wraps(fun)
    def plain(*args, **kwargs):
        return fun(*args, **kwargs)

    plain.vjp = plain.jvp = plain.vmap = lambda it: it
    return plain


def grad(*args, **kwargs):
    """Refused: this machine computes forward only."""
    raise NotImplementedError("this machine computes forward only: it has no gradients")


value_and_grad = vjp = jvp = grad


def clear_cache():
    """Nothing is kept."""


def get_active_memory():
    """Not counted here."""
    return 0


get_peak_memory = get_cache_memory = get_active_memory


def reset_peak_memory():
    """Nothing is counted."""


def _limit(limit):
    return limit


set_memory_limit = set_cache_limit = set_wired_limit = _limit
