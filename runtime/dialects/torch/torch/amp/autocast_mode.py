"""Where autocast is looked for too."""

from .._modes import autocast


def _cast(value, device_type, dtype):
    return value
