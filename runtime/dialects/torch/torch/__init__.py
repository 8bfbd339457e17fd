"""PyTorch as model definitions use it: tensors are native, everything else is plain Python."""

import sys as _sys
import types as _types

import _kernels

__version__ = "2.10.0"
inf = float("inf")
nan = float("nan")
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None

from ._kinds import *  # noqa: F403
from ._kinds import get_default_dtype, set_default_dtype
from ._tensor import Tensor
from ._creation import (
    arange, as_tensor, asarray, complex, empty, empty_like, empty_strided, eye, from_numpy, full,
    full_like, linspace, logspace, ones, ones_like, polar, scalar_tensor, tensor, tril_indices,
    triu_indices, zeros, zeros_like,
)
from ._random import (
    Generator, bernoulli, default_generator, get_rng_state, initial_seed, manual_seed, multinomial,
    normal, rand, rand_like, randint, randint_like, randn, randn_like, randperm, seed,
    set_rng_state,
)
from ._pointwise import *  # noqa: F403
from ._pointwise import METHODS as _METHODS
from ._reduce import *  # noqa: F403
from ._shape import *  # noqa: F403
from ._index import *  # noqa: F403
from ._products import *  # noqa: F403
from ._modes import *  # noqa: F403
from ._modes import _assert, _check, _check_is_size
from . import _methods
from ._methods import as_strided, clone

dtype = _kernels.dtype
device = device  # noqa: F405 - named so that it is seen to be public
detach = Tensor.detach
FloatTensor = type("FloatTensor", (Tensor,), {"_made": float32})  # noqa: F405
LongTensor = type("LongTensor", (Tensor,), {"_made": int64})  # noqa: F405
BoolTensor = type("BoolTensor", (Tensor,), {"_made": bool})  # noqa: F405
IntTensor = type("IntTensor", (Tensor,), {"_made": int32})  # noqa: F405
HalfTensor = type("HalfTensor", (Tensor,), {"_made": float16})  # noqa: F405

from . import linalg, fft, special  # noqa: E402
from . import (  # noqa: E402
    amp, autograd, backends, compiler, cuda, distributed, distributions, fx, jit, library, utils,
)
from . import nn  # noqa: E402
from . import _dynamo, _higher_order_ops, export, func, mps, ops, version, xpu  # noqa: E402

rms_norm = nn.functional.rms_norm
layer_norm = nn.functional.layer_norm
group_norm = nn.functional.group_norm
embedding = nn.functional.embedding
conv1d = nn.functional.conv1d
conv2d = nn.functional.conv2d
dropout = nn.functional.dropout
relu_ = nn.functional.relu
vmap = func.vmap


def get_device_module(device=None):
    return cuda



def __getattr__(name):
    raise AttributeError(f"torch has no `{name}` in this dialect")
