"""Validators of config fields that definitions name."""

from dataclasses import MISSING

from huggingface_hub.dataclasses import validated_field


def interval(min=None, max=None, exclude_min=False, exclude_max=False):
    """A field whose value lies between two bounds."""

    def check(value):
        if value is None or isinstance(value, (list, tuple, dict)):
            return
        low = min is not None and (value <= min if exclude_min else value < min)
        high = max is not None and (value >= max if exclude_max else value > max)
        if low or high:
            raise ValueError(f"Value must be between {min} and {max}, got {value}")

    def make(default=MISSING, default_factory=MISSING, metadata=None, **options):
        return validated_field(check, default, default_factory, metadata, **options)

    return make


def _any(*args, **kwargs):
    def make(default=MISSING, default_factory=MISSING, metadata=None, **options):
        return validated_field(lambda value: None, default, default_factory, metadata, **options)

    return make


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _any()
