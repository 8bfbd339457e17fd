"""``mlx.core`` over the kernels: arrays are values, computed when they are asked for."""

import math as _math

from ._dtypes import *  # noqa: F403
from ._array import array
from ._pointwise import *  # noqa: F403
from ._reduce import *  # noqa: F403
from ._shape import *  # noqa: F403
from ._index import (
    block as slice, put_along_axis, scatter_add_axis, slice_update, take, take_along_axis,
)
from ._products import (
    addmm, block_masked_mm, conv1d, conv2d, conv3d, conv_general, einsum, gather_mm,
    hadamard_transform, inner, matmul, outer, tensordot,
)
from ._quantised import dequantize, from_fp8, gather_qmm, quantize, quantized_matmul, to_fp8
from ._running import *  # noqa: F403
from ._files import (
    export_function, import_function, load, save, save_gguf, save_safetensors, savez, savez_compressed,
)
from . import _methods, cuda, distributed, fast, linalg, metal, random

inf, nan, pi, e, newaxis = float("inf"), float("nan"), _math.pi, _math.e, None
euler_gamma = 0.5772156649015329
__version__ = "0.32.4"
ArrayLike = object


def __getattr__(name):
    raise AttributeError(f"mlx.core has no `{name}` in this dialect")
