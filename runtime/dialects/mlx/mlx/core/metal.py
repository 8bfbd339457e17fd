"""Apple's GPUs, of which there are none here."""


def is_available():
    """Never."""
    return False


def start_capture(path):
    """Nothing can be captured."""
    raise RuntimeError("[metal::start_capture] there is no Metal in this runtime")


stop_capture = start_capture


def device_info():
    """There is no device to tell of."""
    raise RuntimeError("[metal::device_info] there is no Metal in this runtime")


def __getattr__(name):
    raise AttributeError(f"mlx.core.metal has no `{name}` in this dialect")
