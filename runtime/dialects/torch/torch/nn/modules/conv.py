"""Convolutions."""

from ..._creation import empty
from .. import functional as F
from ..parameter import Parameter
from .module import Module


class _Conv(Module):
    """[N, in_channels, ...] -> [N, out_channels, ...]."""

    rank = 1
    transposed = False

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros", device=None, dtype=None):
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _each(kernel_size, self.rank)
        self.stride = _each(stride, self.rank)
        self.padding = padding if isinstance(padding, str) else _each(padding, self.rank)
        self.dilation = _each(dilation, self.rank)
        self.padding_mode = padding_mode
        if padding_mode != "zeros":
            raise NotImplementedError(f"a convolution with padding_mode {padding_mode!r}")
        shape = (out_channels, in_channels // groups)
        self._own(shape + self.kernel_size, out_channels, bias, dtype)

    def _own(self, shape, channels, bias, dtype):
        self.weight = Parameter(empty(shape, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)

    def forward(self, input):
        return self.function(input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                             self.groups)

    _conv_forward = None

    def extra_repr(self):
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"


def _each(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


class Conv1d(_Conv):
    """Over sequences."""

    function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Over images."""

    rank = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Over volumes."""

    rank = 3
    function = staticmethod(F.conv3d)


class _ConvTranspose(_Conv):
    """The transpose of a convolution."""

    transposed = True

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1, padding_mode="zeros",
                 device=None, dtype=None):
        Module.__init__(self)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _each(kernel_size, self.rank)
        self.stride, self.padding = _each(stride, self.rank), _each(padding, self.rank)
        self.output_padding, self.dilation = _each(output_padding, self.rank), _each(dilation, self.rank)
        self._own((in_channels, out_channels // groups) + self.kernel_size, out_channels, bias, dtype)

    def forward(self, input):
        return self.function(input, self.weight, self.bias, self.stride, self.padding,
                             self.output_padding, self.groups, self.dilation)


class ConvTranspose1d(_ConvTranspose):
    """Over sequences."""

    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Over images."""

    rank = 2
    function = staticmethod(F.conv_transpose2d)
