"""NVIDIA's GPUs, of which there are none here."""


def is_available():
    """Never."""
    return False


def __getattr__(name):
    raise AttributeError(f"mlx.core.cuda has no `{name}` in this dialect")
