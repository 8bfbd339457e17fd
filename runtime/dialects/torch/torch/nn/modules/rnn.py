"""Recurrent networks: not here."""

from .module import Module


class LSTM(Module):
    """Not here."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("torch.nn.LSTM")


class GRU(Module):
    """Not here."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("torch.nn.GRU")
