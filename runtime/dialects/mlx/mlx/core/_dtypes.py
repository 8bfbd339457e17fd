"""Dtypes, their categories and their limits."""

import _kernels

Dtype = _kernels.dtype
bool_ = _kernels.bool
uint8 = _kernels.uint8
uint16 = _kernels.uint16
uint32 = _kernels.uint32
uint64 = _kernels.uint64
int8 = _kernels.int8
int16 = _kernels.int16
int32 = _kernels.int32
int64 = _kernels.int64
float16 = _kernels.float16
bfloat16 = _kernels.bfloat16
float32 = _kernels.float32
float64 = _kernels.float64
complex64 = _kernels.complex64

UNSIGNED = (uint8, uint16, uint32, uint64)
SIGNED = (int8, int16, int32, int64)
FLOATING = (float16, bfloat16, float32, float64)
WHOLE = UNSIGNED + SIGNED


class DtypeCategory:
    """A set of dtypes that has a name."""

    def __init__(self, name, members):
        self.name, self.members = name, members

    def __repr__(self):
        return f"mlx.core.{self.name}"


complexfloating = DtypeCategory("complexfloating", (complex64,))
floating = DtypeCategory("floating", FLOATING)
inexact = DtypeCategory("inexact", FLOATING + (complex64,))
signedinteger = DtypeCategory("signedinteger", SIGNED)
unsignedinteger = DtypeCategory("unsignedinteger", UNSIGNED)
integer = DtypeCategory("integer", WHOLE)
number = DtypeCategory("number", WHOLE + FLOATING + (complex64,))
generic = DtypeCategory("generic", (bool_,) + number.members)


def issubdtype(arg1, arg2):
    """Whether a dtype or a category lies in another."""
    inner = arg1.members if isinstance(arg1, DtypeCategory) else (arg1,)
    outer = arg2.members if isinstance(arg2, DtypeCategory) else (arg2,)
    return all(it in outer for it in inner)


# Bits of the exponent and of the mantissa.
_BITS = {float16: (5, 10), bfloat16: (8, 7), float32: (8, 23), float64: (11, 52)}


class finfo:
    """The limits of a floating dtype."""

    def __init__(self, dtype):
        dtype = float32 if dtype is complex64 else dtype
        if dtype not in _BITS:
            raise ValueError(f"finfo takes a floating dtype, not {dtype}")
        exponent, mantissa = _BITS[dtype]
        bias = 2 ** (exponent - 1) - 1
        self.dtype = dtype
        self.bits = 1 + exponent + mantissa
        self.eps = 2.0 ** -mantissa
        self.max = (2.0 - 2.0 ** -mantissa) * 2.0 ** bias
        self.min = -self.max
        self.smallest_normal = self.tiny = 2.0 ** (1 - bias)


class iinfo:
    """The limits of an integer dtype."""

    def __init__(self, dtype):
        if dtype not in WHOLE:
            raise ValueError(f"iinfo takes an integer dtype, not {dtype}")
        self.dtype = dtype
        self.bits = 8 * dtype.itemsize
        signed = dtype in SIGNED
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -(2 ** (self.bits - 1)) if signed else 0
