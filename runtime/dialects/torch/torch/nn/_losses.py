"""Losses."""

import _kernels

from .._reduce import log_softmax


def _reduced(loss, reduction):
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.mean()


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
             reduction="mean"):
    if input.ndim > 2:
        input = input.movedim(1, -1)
    flat, wanted = input.reshape(-1, input.shape[-1]), target.reshape(-1)
    kept = _kernels.ne(wanted, ignore_index)
    classes = _kernels.where(kept, wanted, 0)
    loss = -flat.gather(1, classes.unsqueeze(1)).squeeze(1)
    share = kept.to(loss.dtype) if weight is None else weight[classes] * kept
    loss = loss * share
    if reduction == "none":
        return loss.reshape(target.shape)
    return loss.sum() if reduction == "sum" else loss.sum() / share.sum()


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                  reduction="mean", label_smoothing=0.0):
    if label_smoothing:
        raise NotImplementedError("cross_entropy() with label smoothing")
    log_probabilities = log_softmax(input, 1 if input.ndim > 1 else 0)
    if target.is_floating_point():
        return _reduced(-(log_probabilities * target).sum(1), reduction)
    return nll_loss(log_probabilities, target, weight, ignore_index=ignore_index, reduction=reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    return _reduced(_kernels.square(input - target), reduction)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    return _reduced(_kernels.abs(input - target), reduction)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    far = _kernels.abs(input - target)
    near = _kernels.mul(_kernels.square(far), 0.5 / beta)
    return _reduced(_kernels.where(_kernels.lt(far, beta), near, far - 0.5 * beta), reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    loss = -(target * input.log().clamp(min=-100) + (1 - target) * (1 - input).log().clamp(min=-100))
    return _reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None,
                                     reduction="mean", pos_weight=None):
    right, wrong = _kernels.logsigmoid(input), _kernels.logsigmoid(-input)
    loss = -(target * right * (1 if pos_weight is None else pos_weight) + (1 - target) * wrong)
    return _reduced(loss if weight is None else loss * weight, reduction)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    loss = target.exp() * (target - input) if log_target else target * (target.log() - input)
    return loss.sum() / input.shape[0] if reduction == "batchmean" else _reduced(loss, reduction)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    lengths = [_kernels.clamp(_kernels.norm(it, 2.0, (dim,), True), eps, None) for it in (x1, x2)]
    return (x1 / lengths[0] * (x2 / lengths[1])).sum(dim)
