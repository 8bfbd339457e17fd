"""Convolutions, channels last."""

import math

import mlx.core as mx

from .base import Module


class _Conv(Module):
    """What convolutions along so many axes share."""

    _axes = 0

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True):
        super().__init__()
        if in_channels % groups:
            raise ValueError(f"The number of input channels ({in_channels}) must be divisible by the "
                             f"number of groups ({groups})")
        size = self._each(kernel_size)
        scale = math.sqrt(1 / (in_channels * math.prod(size)))
        self.weight = mx.random.uniform(-scale, scale, (out_channels, *size, in_channels // groups))
        if bias:
            self.bias = mx.zeros((out_channels,))
        self.padding, self.stride, self.dilation = padding, stride, dilation
        if self._axes > 1:
            self.padding, self.stride = tuple(self._each(padding)), tuple(self._each(stride))
        self.groups = groups

    def _each(self, value):
        return [value] * self._axes if isinstance(value, int) else list(value)

    def _extra_repr(self):
        return (f"{self.weight.shape[-1]}, {self.weight.shape[0]}, kernel_size={self.weight.shape[1]}, "
                f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
                f"groups={self.groups}, bias={'bias' in self}")

    def __call__(self, x):
        made = mx.conv_general(x, self.weight, self._each(self.stride), self._each(self.padding),
                               self._each(self.dilation), 1, self.groups)
        return made + self.bias if "bias" in self else made


class Conv1d(_Conv):
    """Along one axis. [N, L, C] -> [N, L', O]"""

    _axes = 1


class Conv2d(_Conv):
    """Along two axes. [N, H, W, C] -> [N, H', W', O]"""

    _axes = 2


class Conv3d(_Conv):
    """Along three axes. [N, D, H, W, C] -> [N, D', H', W', O]"""

    _axes = 3
