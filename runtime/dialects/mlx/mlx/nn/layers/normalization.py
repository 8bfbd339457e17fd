"""Norms."""

import mlx.core as mx

from .base import Module


class RMSNorm(Module):
    """The numbers over their root mean square, times weights."""

    def __init__(self, dims, eps=1e-5):
        super().__init__()
        self.weight = mx.ones((dims,))
        self.eps = eps

    def _extra_repr(self):
        return f"{self.weight.shape[0]}, eps={self.eps}"

    def __call__(self, x):
        return mx.fast.rms_norm(x, self["weight"], self.eps)


class LayerNorm(Module):
    """The numbers with mean zero and variance one, times weights, plus biases."""

    def __init__(self, dims, eps=1e-5, affine=True, bias=True):
        super().__init__()
        if affine:
            self.weight = mx.ones((dims,))
            if bias:
                self.bias = mx.zeros((dims,))
        self.eps, self.dims = eps, dims

    def _extra_repr(self):
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x):
        return mx.fast.layer_norm(x, self.get("weight"), self.get("bias"), self.eps)


class GroupNorm(Module):
    """Groups of channels with mean zero and variance one. [N, .., C]"""

    def __init__(self, num_groups, dims, eps=1e-5, affine=True, pytorch_compatible=False):
        super().__init__()
        if affine:
            self.bias, self.weight = mx.zeros((dims,)), mx.ones((dims,))
        self.num_groups, self.dims, self.eps = num_groups, dims, eps
        self.pytorch_compatible = pytorch_compatible

    def _extra_repr(self):
        return f"{self.num_groups}, {self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x):
        batch, *places, channels = x.shape
        each = channels // self.num_groups
        if self.pytorch_compatible:
            # Neighbouring channels are a group.
            grouped = x.reshape(batch, -1, self.num_groups, each).transpose(0, 2, 1, 3)
            grouped = grouped.reshape(batch, self.num_groups, -1)
            grouped = mx.fast.layer_norm(grouped, None, None, self.eps)
            grouped = grouped.reshape(batch, self.num_groups, -1, each).transpose(0, 2, 1, 3)
        else:
            grouped = x.reshape(batch, -1, self.num_groups)
            mean = mx.mean(grouped, axis=1, keepdims=True)
            spread = mx.var(grouped, axis=1, keepdims=True)
            grouped = (grouped - mean) * mx.rsqrt(spread + self.eps)
        x = grouped.reshape(batch, *places, channels)
        return self.weight * x + self.bias if "weight" in self else x


class InstanceNorm(Module):
    """Each channel of each row with mean zero and variance one. [N, .., C]"""

    def __init__(self, dims, eps=1e-5, affine=False):
        super().__init__()
        if affine:
            self.weight, self.bias = mx.ones((dims,)), mx.zeros((dims,))
        self.dims, self.eps = dims, eps

    def __call__(self, x):
        axes = list(range(1, x.ndim - 1))
        mean, spread = mx.mean(x, axis=axes, keepdims=True), mx.var(x, axis=axes, keepdims=True)
        x = (x - mean) * mx.rsqrt(spread + self.eps)
        return self.weight * x + self.bias if "weight" in self else x
