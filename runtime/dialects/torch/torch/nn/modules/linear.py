"""Linear maps."""

import _kernels

from ..._creation import empty
from ..init import kaiming_uniform_, uniform_, zeros_
from ..parameter import Parameter
from .module import Module


class Linear(Module):
    """``x W' + b``; [..., in_features] -> [..., out_features]."""

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, dtype=dtype))
        else:
            self.register_parameter("bias", None)

    def reset_parameters(self):
        kaiming_uniform_(self.weight, a=5 ** 0.5)
        if self.bias is not None:
            uniform_(self.bias, -self.in_features ** -0.5, self.in_features ** -0.5)

    def forward(self, input):
        return _kernels.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """What goes in comes out."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Bilinear(Module):
    """Not here."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("torch.nn.Bilinear")
