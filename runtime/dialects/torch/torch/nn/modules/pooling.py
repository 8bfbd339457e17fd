"""Pooling."""

from .. import functional as F
from .module import Module


class _Pool(Module):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride if stride is not None else kernel_size
        self.padding = padding
        if ceil_mode:
            raise NotImplementedError("pooling with ceil_mode")

    def forward(self, input):
        return self.function(input, self.kernel_size, self.stride, self.padding)


class AvgPool1d(_Pool):
    """Means of windows."""

    function = staticmethod(F.avg_pool1d)


class AvgPool2d(_Pool):
    """Means of windows."""

    function = staticmethod(F.avg_pool2d)


class MaxPool1d(_Pool):
    """Maxima of windows."""

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_Pool):
    """Maxima of windows."""

    function = staticmethod(F.max_pool2d)


class AdaptiveAvgPool1d(Module):
    """Means of as many windows as are wanted."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    """Means of as many windows as are wanted."""

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)
