"""Changing the dtype and the device of all of a module's tensors."""

from ... import _kinds


class Casting:
    """``to`` and its short forms: integers stay what they are."""

    def _apply(self, fn, recurse=True):
        if recurse:
            for it in self.children():
                it._apply(fn)
        for tensors in (self._parameters, self._buffers):
            for it in tensors.values():
                if it is not None:
                    it.set_data(fn(it))
        return self

    def _cast(self, dtype):
        return self._apply(lambda it: it.to(dtype) if it.is_floating_point() else it)

    def to(self, *args, dtype=None, device=None, non_blocking=False, memory_format=None):
        for it in args:
            if isinstance(it, _kinds.dtype):
                dtype = it
            elif hasattr(it, "dtype"):
                dtype = it.dtype
            elif isinstance(it, (str, _kinds.device)):
                device = it
        if device is not None:
            self._apply(lambda it: _kinds.placed(it, device))
        return self if dtype is None else self._cast(dtype)

    def float(self):
        return self._cast(_kinds.float32)

    def double(self):
        return self._cast(_kinds.float64)

    def half(self):
        return self._cast(_kinds.float16)

    def bfloat16(self):
        return self._cast(_kinds.bfloat16)

    def type(self, dst_type):
        return self._cast(dst_type)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device=None):
        return self.to(f"cuda:{device or 0}" if isinstance(device, (int, type(None))) else device)

    def to_empty(self, *, device=None, recurse=True):
        return self
