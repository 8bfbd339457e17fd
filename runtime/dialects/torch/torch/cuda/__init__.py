"""No CUDA device is seen by definitions: where kernels run is the machine's affair."""

from . import amp


def is_available():
    return False


def device_count():
    return 0


def is_initialized():
    return False


def is_bf16_supported(including_emulation=True):
    return True


is_current_stream_capturing = is_available


def get_device_capability(device=None):
    return (0, 0)


def synchronize(device=None):
    pass


def empty_cache():
    pass


def manual_seed(seed):
    pass


manual_seed_all = manual_seed
default_generators = ()


def current_device():
    raise RuntimeError("there is no CUDA device")


get_device_properties = get_device_name = current_stream = default_stream = current_device
