"""Quantised checkpoints: not here."""


class QuantizationMethod:
    """Names of methods."""


class QuantizationConfigMixin:
    """Nothing is an instance of this."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return QuantizationConfigMixin
