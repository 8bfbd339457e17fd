"""Activation functions as modules."""

from ..._creation import full
from .. import functional as F
from ..parameter import Parameter
from .module import Module

__all__ = []


def _public(cls):
    __all__.append(cls.__name__)
    return cls


def _simple(name, function):
    """A module without arguments."""

    def __init__(self, inplace=False):
        Module.__init__(self)
        self.inplace = inplace

    def forward(self, input):
        return function(input)

    cls = type(name, (Module,), {"__init__": __init__, "forward": forward,
                                 "__doc__": f"``{name.lower()}`` of every element.",
                                 "__module__": __name__})
    globals()[name] = _public(cls)


for _name, _function in {
    "ReLU": F.relu, "ReLU6": F.relu6, "SiLU": F.silu, "Mish": F.mish, "Sigmoid": F.sigmoid,
    "Tanh": F.tanh, "Hardswish": F.hardswish, "Hardsigmoid": F.hardsigmoid, "Softsign": F.softsign,
    "LogSigmoid": F.logsigmoid, "SELU": F.selu, "Tanhshrink": lambda x: x - F.tanh(x),
}.items():
    _simple(_name, _function)


@_public
class GELU(Module):
    """The Gaussian error linear unit."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)


@_public
class LeakyReLU(Module):
    """Negative values times a slope."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope)


@_public
class ELU(Module):
    """The exponential linear unit."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha

    def forward(self, input):
        return F.elu(input, self.alpha)


@_public
class Softplus(Module):
    """A smooth ReLU."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)


@_public
class Hardtanh(Module):
    """Values cut off."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__()
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input):
        return input.clamp(self.min_val, self.max_val)


@_public
class GLU(Module):
    """One half times the sigmoid of the other."""

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)


@_public
class Softmax(Module):
    """Softmax along a dimension."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim)


@_public
class LogSoftmax(Softmax):
    """The logarithm of softmax."""

    def forward(self, input):
        return F.log_softmax(input, self.dim)


@_public
class PReLU(Module):
    """Negative values times a learned slope."""

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(full((num_parameters,), init, dtype=dtype))

    def forward(self, input):
        slope = self.weight
        if slope.numel() > 1:
            slope = slope.reshape((1, -1) + (1,) * (input.ndim - 2))
        return F.prelu(input, slope)
