"""Changing the dtype of all of a module's tensors."""

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
        return self

    def cuda(self, device=None):
        return self

    def to_empty(self, *, device=None, recurse=True):
        return self
