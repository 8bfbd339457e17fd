"""Helpers around modules."""

from . import parametrizations, parametrize, rnn


def remove_weight_norm(module, name="weight"):
    raise NotImplementedError("weight normalisation")


weight_norm = remove_weight_norm


def skip_init(module_cls, *args, **kwargs):
    return module_cls(*args, **kwargs)


def clip_grad_norm_(*args, **kwargs):
    raise NotImplementedError("this machine computes forward only")
