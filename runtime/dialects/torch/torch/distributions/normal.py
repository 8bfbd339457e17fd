"""The normal distribution."""

import math

from .. import _pointwise, _random


class Normal:
    """A normal distribution for each pair of elements."""

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = loc, scale

    @property
    def mean(self):
        return self.loc

    @property
    def stddev(self):
        return self.scale

    def sample(self, sample_shape=()):
        shape = tuple(sample_shape) + tuple(getattr(self.loc, "shape", ()))
        return _random.randn(shape) * self.scale + self.loc

    rsample = sample

    def cdf(self, value):
        z = (value - self.loc) / (self.scale * math.sqrt(2))
        return 0.5 * (1 + _pointwise.erf(z))

    def icdf(self, value):
        return self.loc + self.scale * _pointwise.erfinv(2 * value - 1) * math.sqrt(2)

    def log_prob(self, value):
        z = (value - self.loc) / self.scale
        scale = self.scale.log() if hasattr(self.scale, "log") else math.log(self.scale)
        return -0.5 * z * z - scale - 0.5 * math.log(2 * math.pi)
