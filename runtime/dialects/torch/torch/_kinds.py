"""Devices, sizes, dtypes and the other small values of torch."""

import _kernels

dtype = _kernels.dtype
bool = _kernels.bool
uint8 = _kernels.uint8
int8 = _kernels.int8
int16 = short = _kernels.int16
int32 = int = _kernels.int32
int64 = long = _kernels.int64
float16 = half = _kernels.float16
bfloat16 = _kernels.bfloat16
float32 = float = _kernels.float32
float64 = double = _kernels.float64
complex64 = cfloat = _kernels.complex64
complex128 = cdouble = _kernels.complex128


class NarrowFloat:
    """A dtype of eight bits that no kernel computes in: its name and its limits."""

    is_floating_point, is_complex, is_signed, itemsize = True, False, True, 1

    def __init__(self, exponent, mantissa, largest):
        self.name, self.bits, self.largest = type(self).__name__, (exponent, mantissa), largest

    def __repr__(self):
        return f"torch.{self.name}"


# Each is of a class of its own, so that the error of a kernel that is given one names it.
float8_e4m3fn = type("float8_e4m3fn", (NarrowFloat,), {})(4, 3, 448.0)
float8_e5m2 = type("float8_e5m2", (NarrowFloat,), {})(5, 2, 57344.0)
float8_e4m3fnuz = type("float8_e4m3fnuz", (NarrowFloat,), {})(4, 3, 240.0)
float8_e5m2fnuz = type("float8_e5m2fnuz", (NarrowFloat,), {})(5, 2, 57344.0)


class Size(tuple):
    """A tensor's shape."""

    __slots__ = ()

    def numel(self):
        total = 1
        for it in self:
            total *= it
        return total

    def __repr__(self):
        return f"torch.Size({list(self)})"

    def __getitem__(self, index):
        result = tuple.__getitem__(self, index)
        return Size(result) if type(index) is slice else result

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))


class device:
    """Where a tensor lies. As a context it says nothing: the machine chooses the device."""

    __slots__ = ("type", "index")

    def __init__(self, type="cpu", index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif not isinstance(type, str):
            type, index = "cpu", None
        elif ":" in type:
            type, _, number = type.partition(":")
            index = _integer(number)
        self.type = type
        self.index = index

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __repr__(self):
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False

    def __call__(self, function):
        return function


_integer = type(1)


class memory_format:
    """How a tensor's elements are to be laid out; a name only."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
legacy_contiguous_format = contiguous_format


class layout:
    """Dense or sparse; a name only."""


strided = layout()

_BITS = {
    float16: (5, 10), bfloat16: (8, 7), float32: (8, 23), float64: (11, 52),
}
_FLOAT_BITS = _BITS


class finfo:
    """The limits of a floating dtype."""

    def __init__(self, dtype=None):
        dtype = dtype or _kernels.get_default_dtype()
        dtype = {complex64: float32, complex128: float64}.get(dtype, dtype)
        if dtype not in _FLOAT_BITS and not isinstance(dtype, NarrowFloat):
            raise TypeError(f"torch.finfo() requires a floating point input type, not {dtype}")
        exponent, mantissa = _FLOAT_BITS.get(dtype) or dtype.bits
        bias = 2 ** (exponent - 1) - 1
        self.bits = 1 + exponent + mantissa
        self.eps = 2.0 ** -mantissa
        # Narrow floats have no room for infinities at the top.
        self.max = getattr(dtype, "largest", (2.0 - 2.0 ** -mantissa) * 2.0 ** bias)
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - bias)
        self.resolution = {8: 1.0, 16: 1e-3, 32: 1e-6, 64: 1e-15}[self.bits]
        self.dtype = dtype.name


class iinfo:
    """The limits of an integer dtype."""

    def __init__(self, dtype):
        self.bits = 8 * dtype.itemsize
        signed = dtype is not uint8
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.dtype = dtype.name


def get_default_dtype():
    """The dtype that Python floats become."""
    return _kernels.get_default_dtype()


def set_default_dtype(dtype):
    """Sets the dtype that Python floats become."""
    _kernels.set_default_dtype(dtype)


def device_of(value):
    """A device from whatever names one; none is the default device."""
    return value if isinstance(value, device) else device(value or _kernels.get_default_device())


_DEVICES = {}


def device_named(name):
    """The device of a tensor that lies there; one object a device."""
    found = _DEVICES.get(name)
    if found is None:
        found = _DEVICES[name] = device(name)
    return found


def placed(tensor, where):
    """The tensor on the device that ``where`` names; itself when it is there or ``where`` is none."""
    if where is None:
        return tensor
    name = str(where)
    if name == tensor.device_name or name == "meta":
        return tensor
    return _kernels.to_device(tensor, name)
