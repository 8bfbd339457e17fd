"""The class of every tensor: PyTorch's methods over the kernels."""

import _kernels

from . import _kinds
from ._kinds import Size, device, device_named

_CPU = device("cpu")


def sizes(args):
    """The sizes of a call that takes them one by one or as one sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    return tuple(it if type(it) is int else int(it) for it in args)


def index_of(index):
    """The parts of what stands within square brackets."""
    if type(index) is not tuple:
        index = (index,)
    for it in index:
        if isinstance(it, (list, tuple, range)):
            from ._creation import tensor

            return tuple(tensor(list(it)) if isinstance(it, (list, tuple, range)) else it
                         for it in index)
    return index


class Tensor(_kernels.TensorBase):
    """A tensor. Methods that only have another name here are bound in ``_methods``."""

    # What `torch.LongTensor(...)` and its like make; `torch.Tensor(...)` makes the default.
    _made = None

    def __new__(cls, *args, **kwargs):
        from ._creation import empty, tensor

        made = cls._made or _kinds.get_default_dtype()
        if len(args) == 1 and (isinstance(args[0], (list, tuple, Tensor)) or
                               hasattr(args[0], "_portwright_tensor")):
            return tensor(args[0], dtype=made)
        return empty(*args, dtype=made)

    __hash__ = object.__hash__
    requires_grad = False
    grad = None
    grad_fn = None
    is_leaf = True
    is_cuda = False
    is_mps = False
    is_meta = False
    is_sparse = False
    is_quantized = False
    is_nested = False
    layout = _kinds.strided
    names = ()

    # What it is.

    @property
    def device(self):
        name = self.device_name
        return _CPU if name == "cpu" else device_named(name)

    @property
    def data(self):
        return _kernels.wrap(Tensor, self)

    @data.setter
    def data(self, value):
        self.set_data(value)

    @property
    def T(self):
        return self.permute(*range(self.ndim - 1, -1, -1))

    @property
    def mT(self):
        return self.transpose(-2, -1)

    @property
    def H(self):
        return self.transpose(0, 1).conj()

    @property
    def itemsize(self):
        return self.dtype.itemsize

    @property
    def nbytes(self):
        return self.numel() * self.dtype.itemsize

    @property
    def real(self):
        return _kernels.real(self)

    @property
    def imag(self):
        return _kernels.imag(self)

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    def dim(self):
        return self.ndim

    ndimension = dim

    def nelement(self):
        return self.numel()

    def element_size(self):
        return self.dtype.itemsize

    def get_device(self):
        index = self.device.index
        return -1 if index is None else index

    def is_inference(self):
        return False

    def untyped_storage(self):
        return _Storage(self)

    storage = untyped_storage

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(_kernels.unbind(self, 0))

    def __repr__(self):
        if self.numel() <= 64:
            return f"tensor({_kernels.tolist(self)}, dtype={self.dtype})"
        return f"tensor(shape={tuple(self.shape)}, dtype={self.dtype})"

    __str__ = __repr__

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 else repr(self)

    # Its elements as Python values.

    def item(self):
        return _kernels.item(self)

    def tolist(self):
        return _kernels.tolist(self)

    def numpy(self, force=False):
        raise NotImplementedError("there is no numpy here: use tolist()")

    def __bool__(self):
        return bool(_kernels.item(self))

    def __int__(self):
        return int(_kernels.item(self))

    def __float__(self):
        return float(_kernels.item(self))

    def __complex__(self):
        return complex(_kernels.item(self))

    def __index__(self):
        if self.dtype.is_floating_point:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(_kernels.item(self))

    def __contains__(self, element):
        return bool(_kernels.item(_kernels.any(_kernels.eq(self, element))))

    # Its parts.

    def __getitem__(self, index):
        return _kernels.getitem(self, index_of(index))

    def __setitem__(self, index, value):
        _kernels.setitem_(self, index_of(index), value)

    # Autograd: nothing is recorded.

    def detach(self):
        return _kernels.wrap(Tensor, self)

    def detach_(self):
        return self

    def requires_grad_(self, requires_grad=True):
        self.requires_grad = requires_grad
        return self

    def backward(self, *args, **kwargs):
        raise NotImplementedError("this machine computes forward only")

    def register_hook(self, hook):
        return None

    def retain_grad(self):
        return None

    def share_memory_(self):
        return self

    def pin_memory(self, device=None):
        return self

    def is_pinned(self):
        return False

    def is_shared(self):
        return False

    # Comparisons with what is no number are Python's.

    def __eq__(self, other):
        return _kernels.eq(self, other) if _is_operand(other) else NotImplemented

    def __ne__(self, other):
        return _kernels.ne(self, other) if _is_operand(other) else NotImplemented

    # Copies.

    def __deepcopy__(self, memo):
        result = _kernels.wrap(type(self), _kernels.clone(self))
        result.__dict__.update(self.__dict__)
        memo[id(self)] = result
        return result

    def as_subclass(self, cls):
        return _kernels.wrap(cls, self)


class _Storage:
    """What identifies the memory behind a tensor."""

    def __init__(self, tensor):
        self._tensor = tensor

    def data_ptr(self):
        return self._tensor.storage_id()

    def nbytes(self):
        return self._tensor.nbytes

    size = __len__ = nbytes


def _is_operand(value):
    return isinstance(value, (Tensor, bool, int, float, complex))


_kernels.register(Tensor, Size)
