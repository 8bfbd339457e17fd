"""Losses as modules."""

from .. import functional as F
from .module import Module


class _Loss(Module):
    def __init__(self, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0,
                 pos_weight=None, size_average=None, reduce=None):
        super().__init__()
        self.weight, self.reduction = weight, reduction
        self.ignore_index, self.label_smoothing, self.pos_weight = ignore_index, label_smoothing, pos_weight


class CrossEntropyLoss(_Loss):
    """The mean negative log probability of the right classes."""

    def forward(self, input, target):
        return F.cross_entropy(input, target, self.weight, ignore_index=self.ignore_index,
                               reduction=self.reduction, label_smoothing=self.label_smoothing)


class NLLLoss(_Loss):
    """As cross entropy, of log probabilities."""

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index,
                          reduction=self.reduction)


class MSELoss(_Loss):
    """The mean squared difference."""

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean difference."""

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class BCELoss(_Loss):
    """Binary cross entropy of probabilities."""

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of logits."""

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction,
                                                  pos_weight=self.pos_weight)
