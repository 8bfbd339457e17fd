"""Layers with packed weights, and how a model gets them."""

import mlx.core as mx
from mlx.utils import tree_map_with_path

from .base import Module

_DEFAULTS = {"affine": (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}


def _settled(mode, group_size, bits):
    if mode not in _DEFAULTS:
        raise ValueError(f"Invalid quantization mode '{mode}'. Valid modes are: {', '.join(_DEFAULTS)}.")
    group, width = _DEFAULTS[mode]
    return group_size or group, bits or width


def quantize(model, group_size=None, bits=None, *, mode="affine", quantize_input=False,
             class_predicate=None):
    """Puts packed layers in the place of those that a predicate names; it may give their settings."""
    wanted = class_predicate or (lambda _, module: hasattr(module, "to_quantized"))

    def packed(path, module):
        answer = wanted(path, module)
        if not answer:
            return module
        if not hasattr(module, "to_quantized"):
            raise ValueError(f"Unable to quantize model of type {type(module)}")
        if isinstance(answer, bool):
            options = {"group_size": group_size, "bits": bits, "mode": mode}
            if quantize_input:
                options["quantize_input"] = True
            return module.to_quantized(**options)
        if not isinstance(answer, dict):
            raise ValueError("``class_predicate`` must return a bool or a dict of parameters to pass to "
                             "``to_quantized``")
        return module.to_quantized(**{key: it for key, it in answer.items()
                                      if key != "quantize_input" or it})

    model.update_modules(tree_map_with_path(packed, model.leaf_modules(), is_leaf=Module.is_module))


class _Packed(Module):
    """What packed layers share: their settings, and how arrays get in."""

    def _settle(self, group_size, bits, mode):
        self.group_size, self.bits = _settled(mode, group_size, bits)
        self.mode = mode

    def _pack(self, weight):
        self.weight, self.scales, *biases = mx.quantize(weight, self.group_size, self.bits, self.mode)
        self.biases = biases[0] if biases else None

    def _blank(self, rows, columns):
        """Zeros of the right sizes: whatever fills the layer has the same."""
        if columns % self.group_size:
            raise ValueError(f"rows of {columns} weights do not divide into groups of {self.group_size}")
        self.weight = mx.zeros((rows, columns * self.bits // 32), mx.uint32)
        kind = mx.float32 if self.mode == "affine" else mx.uint8
        self.scales = mx.zeros((rows, columns // self.group_size), kind)
        self.biases = mx.zeros((rows, columns // self.group_size)) if self.mode == "affine" else None

    def _options(self):
        return {"group_size": self.group_size, "bits": self.bits, "mode": self.mode}

    def _product(self, x):
        return mx.quantized_matmul(x, self["weight"], scales=self["scales"], biases=self.get("biases"),
                                   transpose=True, **self._options())


class QuantizedEmbedding(_Packed):
    """An embedding whose rows are packed."""

    def __init__(self, num_embeddings, dims, group_size=None, bits=None, mode="affine"):
        super().__init__()
        self._settle(group_size, bits, mode)
        self._blank(num_embeddings, dims)
        self.num_embeddings, self.dims = num_embeddings, dims
        self.freeze()

    def __call__(self, x):
        biases = self.get("biases")
        return mx.dequantize(self["weight"][x], scales=self["scales"][x],
                             biases=None if biases is None else biases[x], **self._options())

    def as_linear(self, x):
        """The product with all rows."""
        return self._product(x)

    def _extra_repr(self):
        return (f"{self.num_embeddings}, {self.dims}, group_size={self.group_size}, bits={self.bits}, "
                f"mode={self.mode}")

    @classmethod
    def from_embedding(cls, embedding_layer, group_size=None, bits=None, mode="affine"):
        """The packed form of an embedding."""
        made = cls(*embedding_layer.weight.shape, group_size, bits, mode=mode)
        made._pack(embedding_layer.weight)
        return made


class QuantizedLinear(_Packed):
    """A linear layer whose weights are packed."""

    def __init__(self, input_dims, output_dims, bias=True, group_size=None, bits=None, mode="affine"):
        super().__init__()
        self._settle(group_size, bits, mode)
        self._blank(output_dims, input_dims)
        if bias:
            self.bias = mx.zeros((output_dims,))
        self.freeze()

    def _extra_repr(self):
        rows, words = self.weight.shape
        return (f"input_dims={words * 32 // self.bits}, output_dims={rows}, bias={'bias' in self}, "
                f"group_size={self.group_size}, bits={self.bits}, mode={self.mode}")

    def __call__(self, x):
        made = self._product(x)
        return made + self["bias"] if "bias" in self else made

    @classmethod
    def from_linear(cls, linear_layer, group_size=None, bits=None, mode="affine"):
        """The packed form of a linear layer."""
        rows, columns = linear_layer.weight.shape
        made = cls(columns, rows, False, group_size, bits, mode=mode)
        made._pack(linear_layer.weight)
        if "bias" in linear_layer:
            made.bias = linear_layer.bias
        return made


class QQLinear(Module):
    """A linear layer that packs its input too; named so that ports can ask for it."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        raise NotImplementedError("nn.QQLinear: packed inputs are not in this dialect")

    from_linear = classmethod(lambda cls, *args, **kwargs: cls())
