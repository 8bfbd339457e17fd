"""Switches of PyTorch's own backends."""

from .._modes import _Context


class _Backend:
    """Answers every question of availability with no."""

    enabled = False
    allow_tf32 = False
    benchmark = False
    deterministic = True

    def is_available(self):
        return False

    is_built = is_available

    def flags(self, *args, **kwargs):
        return _Context()

    sdp_kernel = flags

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Backend()

    def __call__(self, *args, **kwargs):
        return False


cuda = _Backend()
cudnn = _Backend()
mps = _Backend()
mkldnn = _Backend()
mkl = _Backend()
openmp = _Backend()
