"""Rows looked up by number."""

import _kernels

from ..._creation import empty
from ..parameter import Parameter
from .module import Module


class Embedding(Module):
    """[...] of indices -> [..., embedding_dim]."""

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None,
                 dtype=None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None and padding_idx < 0:
            padding_idx += num_embeddings
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        if max_norm is not None:
            raise NotImplementedError("torch.nn.Embedding with max_norm")
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        weight = empty(num_embeddings, embedding_dim, dtype=dtype) if _weight is None else _weight
        self.weight = Parameter(weight)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, **options):
        return cls(*embeddings.shape, padding_idx=padding_idx, _weight=embeddings)

    def forward(self, input):
        return _kernels.embedding(input, self.weight)

    def extra_repr(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"


class EmbeddingBag(Module):
    """Not here."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("torch.nn.EmbeddingBag")
