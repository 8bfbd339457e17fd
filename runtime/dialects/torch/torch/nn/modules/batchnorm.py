"""Normalisation by statistics of the training set."""

from ..._creation import ones, tensor, zeros
from ..parameter import Parameter
from .module import Module


class _BatchNorm(Module):
    """The running mean and variance of each channel taken out."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True,
                 device=None, dtype=None):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = Parameter(ones(num_features, dtype=dtype))
            self.bias = Parameter(zeros(num_features, dtype=dtype))
        else:
            self.register_parameter("weight", None)
            self.register_parameter("bias", None)
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype))
        self.register_buffer("running_var", ones(num_features, dtype=dtype))
        self.register_buffer("num_batches_tracked", tensor(0))

    def forward(self, input):
        if self.training:
            raise NotImplementedError("batch normalisation while training")
        shape = (1, -1) + (1,) * (input.ndim - 2)
        scale = (self.running_var + self.eps).rsqrt()
        result = (input - self.running_mean.reshape(shape)) * scale.reshape(shape)
        if self.weight is not None:
            result = result * self.weight.reshape(shape) + self.bias.reshape(shape)
        return result


class BatchNorm1d(_BatchNorm):
    """Over sequences."""


class BatchNorm2d(_BatchNorm):
    """Over images."""


class BatchNorm3d(_BatchNorm):
    """Over volumes."""


class SyncBatchNorm(_BatchNorm):
    """Over all processes, of which there is one."""
