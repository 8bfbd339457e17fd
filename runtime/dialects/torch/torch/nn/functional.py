"""``torch.nn.functional``."""

import math

import _kernels

from .. import _kinds
from .._pointwise import *  # noqa: F403
from .._reduce import log_softmax, softmax
from .._tensor import Tensor
from ._losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_similarity, cross_entropy,
    kl_div, l1_loss, mse_loss, nll_loss, smooth_l1_loss,
)
from ._spatial import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, avg_pool1d, avg_pool2d, conv1d, conv2d, conv3d,
    conv_transpose1d, conv_transpose2d, grid_sample, interpolate, max_pool1d, max_pool2d, pixel_shuffle,
    pixel_unshuffle, unfold,
)

relu_ = relu  # noqa: F405


def linear(input, weight, bias=None):
    return _kernels.linear(input, weight, bias)


def bilinear(*args):
    raise NotImplementedError("torch.nn.functional.bilinear")


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
              scale_grad_by_freq=False, sparse=False):
    return _kernels.embedding(input, weight)


def one_hot(tensor, num_classes=-1):
    if num_classes < 0:
        num_classes = int(tensor.max()) + 1
    return _kernels.one_hot(tensor, num_classes)


def pad(input, pad, mode="constant", value=None):
    return _kernels.pad(input, [int(it) for it in pad], mode, 0 if value is None else value)


def dropout(input, p=0.5, training=True, inplace=False):
    if not training or p == 0:
        return input
    from .._random import rand

    kept = _kernels.ge(rand(input.shape), p)
    return _kernels.div(_kernels.mul(input, kept), 1 - p, None)


dropout1d = dropout2d = dropout3d = alpha_dropout = dropout


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    return _kernels.layer_norm(input, tuple(normalized_shape), weight, bias, eps)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    if eps is None:
        eps = _kinds.finfo(input.dtype).eps
    return _kernels.rms_norm(input, tuple(normalized_shape), weight, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    shape = input.shape
    groups = input.reshape(shape[0], num_groups, -1)
    normal = _kernels.layer_norm(groups, (groups.shape[-1],), None, None, eps).reshape(shape)
    channels = (1, -1) + (1,) * (input.ndim - 2)
    if weight is not None:
        normal = normal * weight.reshape(channels)
    return normal if bias is None else normal + bias.reshape(channels)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    length = _kernels.norm(input, float(p), (dim,) if isinstance(dim, int) else dim, True)
    return _kernels.div(input, _kernels.clamp(length, eps, None), None)


def silu(input, inplace=False):
    return _kernels.silu(input)


def gelu(input, approximate="none"):
    return _kernels.gelu(input, approximate)


def softplus(input, beta=1.0, threshold=20.0):
    return _kernels.softplus(input, beta, threshold)


def logsigmoid(input):
    return _kernels.logsigmoid(input)


def relu6(input, inplace=False):
    return _kernels.clamp(input, 0, 6)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    return _kernels.where(_kernels.gt(input, 0), input, _kernels.mul(input, negative_slope))


def elu(input, alpha=1.0, inplace=False):
    low = _kernels.mul(_kernels.expm1(_kernels.clamp(input, None, 0)), alpha)
    return _kernels.where(_kernels.gt(input, 0), input, low)


def selu(input, inplace=False):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return _kernels.mul(elu(input, alpha), scale)


def celu(input, alpha=1.0, inplace=False):
    return elu(_kernels.div(input, alpha, None), 1.0) * alpha


def mish(input, inplace=False):
    return _kernels.mul(input, _kernels.tanh(softplus(input)))


def hardsigmoid(input, inplace=False):
    return _kernels.div(_kernels.clamp(_kernels.add(input, 3), 0, 6), 6, None)


def hardswish(input, inplace=False):
    return _kernels.div(_kernels.mul(input, _kernels.clamp(_kernels.add(input, 3), 0, 6)), 6, None)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    return _kernels.clamp(input, min_val, max_val)


def softsign(input):
    return _kernels.div(input, _kernels.add(_kernels.abs(input), 1), None)


def glu(input, dim=-1):
    a, b = input.chunk(2, dim)
    return _kernels.mul(a, _kernels.sigmoid(b))


def softmin(input, dim=None, dtype=None):
    return _kernels.softmax(_kernels.neg(input), dim, dtype)


def prelu(input, weight):
    return _kernels.where(_kernels.gt(input, 0), input, _kernels.mul(input, weight))


def threshold(input, threshold, value, inplace=False):
    return _kernels.where(_kernels.gt(input, threshold), input, value)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    raise NotImplementedError("torch.nn.functional.gumbel_softmax")


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False,
                                 scale=None, enable_gqa=False):
    return _kernels.sdpa(query, key, value, attn_mask, is_causal, scale,
                                                 enable_gqa)


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Rows up to each offset times the matrix of that group. [T, K] x [G, K, N] -> [T, N]"""
    if mat_a.ndim != 2 or mat_b.ndim != 3:
        raise NotImplementedError("grouped_mm() of other than two and three dimensions")
    parts, start = [], 0
    for group, end in enumerate(offs.tolist()):
        parts.append(_kernels.matmul(mat_a.narrow(0, start, end - start), mat_b.select(0, group)))
        start = end
    if start < mat_a.shape[0]:
        parts.append(parts[0].new_zeros(mat_a.shape[0] - start, mat_b.shape[2]))
    return _kernels.cat(parts, 0)


def __getattr__(name):
    raise AttributeError(f"torch.nn.functional has no `{name}` in this dialect")
