"""Activations, as functions and as modules."""

import math

import mlx.core as mx

from .base import Module


def sigmoid(x):
    """Between zero and one."""
    return mx.sigmoid(x)


def relu(x):
    """Nothing below zero."""
    return mx.maximum(x, 0)


def relu2(x):
    """The square of what is above zero."""
    return mx.square(mx.maximum(x, 0))


def relu6(x):
    """Nothing below zero and above six."""
    return mx.minimum(mx.maximum(x, 0), 6.0)


def silu(x):
    """``x * sigmoid(x)``."""
    return x * mx.sigmoid(x)


def gelu(x):
    """``x`` times the chance that the bell curve stays below it."""
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


def gelu_approx(x):
    """``gelu`` by a hyperbolic tangent."""
    return 0.5 * x * (1 + mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def gelu_fast_approx(x):
    """``gelu`` by a sigmoid."""
    return x * mx.sigmoid(1.702 * x)


def softplus(x):
    """``log(1 + exp(x))``."""
    return mx.logaddexp(x, 0)


def leaky_relu(x, negative_slope=0.01):
    """Flatter below zero."""
    return mx.maximum(negative_slope * x, x)


def elu(x, alpha=1.0):
    """An exponential below zero."""
    return mx.where(x > 0, x, alpha * (mx.exp(x) - 1))


def celu(x, alpha=1.0):
    """An exponential below zero, smooth for any ``alpha``."""
    return mx.maximum(x, 0.0) + alpha * (mx.exp(mx.minimum(x, 0.0) / alpha) - 1)


def selu(x):
    """``elu`` that keeps mean and variance."""
    return elu(x, 1.67326) * 1.0507


def tanh(x):
    """Between minus one and one."""
    return mx.tanh(x)


def softmax(x, axis=-1):
    """Exponentials that add up to one."""
    return mx.softmax(x, axis=axis)


def log_softmax(x, axis=-1):
    """The logarithms of ``softmax``."""
    return x - mx.logsumexp(x, axis=axis, keepdims=True)


def log_sigmoid(x):
    """The logarithm of ``sigmoid``."""
    return -softplus(-x)


def mish(x):
    """``x * tanh(softplus(x))``."""
    return x * mx.tanh(softplus(x))


def hardswish(x):
    """``silu`` of straight lines."""
    return x * mx.minimum(mx.maximum(x + 3, 0), 6) / 6


def hard_tanh(x, min_val=-1.0, max_val=1.0):
    """Nothing outside of two bounds."""
    return mx.minimum(mx.maximum(x, min_val), max_val)


def softsign(x):
    """``x / (1 + |x|)``."""
    return mx.divide(x, 1 + mx.abs(x))


def glu(x, axis=-1):
    """One half of the numbers times the sigmoid of the other."""
    a, b = mx.split(x, 2, axis=axis)
    return a * mx.sigmoid(b)


def step(x, threshold=0.0):
    """One above a threshold."""
    return mx.where(x > threshold, 1, 0)


def _module(name, function):
    def call(self, x):
        return function(x)

    return type(name, (Module,), {"__doc__": function.__doc__, "__module__": __name__, "__call__": call})


Sigmoid, ReLU, ReLU2, ReLU6 = (
    _module("Sigmoid", sigmoid), _module("ReLU", relu), _module("ReLU2", relu2), _module("ReLU6", relu6))
SiLU, Softplus, Tanh, Mish = (
    _module("SiLU", silu), _module("Softplus", softplus), _module("Tanh", tanh), _module("Mish", mish))
Softmax, LogSoftmax, LogSigmoid, SELU = (
    _module("Softmax", softmax), _module("LogSoftmax", log_softmax), _module("LogSigmoid", log_sigmoid),
    _module("SELU", selu))
Hardswish, Softsign = _module("Hardswish", hardswish), _module("Softsign", softsign)


class GELU(Module):
    """``gelu``, exactly or by one of its approximations."""

    def __init__(self, approx="none"):
        super().__init__()
        ways = {"none": gelu, "precise": gelu_approx, "tanh": gelu_approx, "fast": gelu_fast_approx}
        if approx not in ways:
            raise ValueError(f"The approximation should be in {sorted(ways)} but '{approx}' was given")
        self._approx, self._act = approx, ways[approx]

    def __call__(self, x):
        return self._act(x)


class GLU(Module):
    """One half of the numbers times the sigmoid of the other."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def __call__(self, x):
        return glu(x, self.axis)


class LeakyReLU(Module):
    """Flatter below zero."""

    def __init__(self, negative_slope=1e-2):
        super().__init__()
        self._negative_slope = negative_slope

    def __call__(self, x):
        return leaky_relu(x, self._negative_slope)


class ELU(Module):
    """An exponential below zero."""

    def __init__(self, alpha=1.0):
        super().__init__()
        self._alpha = alpha

    def __call__(self, x):
        return elu(x, self._alpha)


class PReLU(Module):
    """Flatter below zero, by a weight."""

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        self.weight = mx.full([num_parameters], init)

    def __call__(self, x):
        return mx.maximum(0, x) + self.weight * mx.minimum(0, x)
