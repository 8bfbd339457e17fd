"""The layers of ``mlx.nn``."""

from . import distributed
from .activations import (
    ELU, GELU, GLU, SELU, Hardswish, LeakyReLU, LogSigmoid, LogSoftmax, Mish, PReLU, ReLU, ReLU2, ReLU6,
    Sigmoid, SiLU, Softmax, Softplus, Softsign, Tanh, celu, elu, gelu, gelu_approx, gelu_fast_approx, glu,
    hard_tanh, hardswish, leaky_relu, log_sigmoid, log_softmax, mish, relu, relu2, relu6, selu, sigmoid,
    silu, softmax, softplus, softsign, step, tanh,
)
from .base import Module
from .containers import Sequential
from .convolution import Conv1d, Conv2d, Conv3d
from .dropout import Dropout
from .embedding import Embedding
from .linear import Bilinear, Identity, Linear
from .normalization import GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from .positional_encoding import ALiBi, RoPE, SinusoidalPositionalEncoding
from .quantized import QQLinear, QuantizedEmbedding, QuantizedLinear, quantize
