"""Affine layers and the identity."""

import math

import mlx.core as mx

from .base import Module
from .quantized import QQLinear, QuantizedLinear


class Identity(Module):
    """Its input."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def __call__(self, x):
        return x


class Linear(Module):
    """``x @ weight.T + bias``. [.., in] -> [.., out]"""

    def __init__(self, input_dims, output_dims, bias=True):
        super().__init__()
        scale = math.sqrt(1.0 / input_dims)
        self.weight = mx.random.uniform(-scale, scale, (output_dims, input_dims))
        if bias:
            self.bias = mx.random.uniform(-scale, scale, (output_dims,))

    def _extra_repr(self):
        out, inner = self.weight.shape
        return f"input_dims={inner}, output_dims={out}, bias={'bias' in self}"

    def __call__(self, x):
        if "bias" in self:
            return mx.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T

    def to_quantized(self, group_size=None, bits=None, mode="affine", quantize_input=False, **options):
        """The layer with packed weights."""
        if options:
            raise NotImplementedError(f"to_quantized with {', '.join(sorted(options))} in this dialect")
        if quantize_input:
            return QQLinear.from_linear(self, group_size, bits, mode)
        return QuantizedLinear.from_linear(self, group_size, bits, mode=mode)


class Bilinear(Module):
    """A product of two inputs through a stack of matrices."""

    def __init__(self, input1_dims, input2_dims, output_dims, bias=True):
        super().__init__()
        scale = math.sqrt(1.0 / input1_dims)
        self.weight = mx.random.uniform(-scale, scale, (output_dims, input2_dims, input1_dims))
        if bias:
            self.bias = mx.random.uniform(-scale, scale, (output_dims,))

    def __call__(self, x1, x2):
        made = mx.einsum("...i,oji,...j->...o", x1, self.weight, x2)
        return made + self.bias if "bias" in self else made
