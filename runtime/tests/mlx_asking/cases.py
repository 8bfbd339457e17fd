"""The code that MLX and the dialect both run: each leaves its answer in `r`."""

DTYPES = ("bool_", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
          "bfloat16", "float32")
FLOATS = ("float32", "float16", "bfloat16")

# A matrix with both signs, no two elements alike.
_X = "x = ((mx.arange(24).reshape(2, 3, 4) * 7 % 24).astype(mx.float32) * 0.23 - 2.1).astype(mx.{0}); "
_Y = "y = ((mx.arange(24).reshape(2, 3, 4) * 5 % 24).astype(mx.float32) * 0.19 - 1.3).astype(mx.{0}); "
_WHOLE = "x = (mx.arange(12).reshape(3, 4) * 5 % 12 + 1).astype(mx.{0}); "

_UNARY = ("exp expm1 log1p sqrt rsqrt reciprocal square sign abs sin cos tan sinh tanh erf sigmoid floor ceil "
          "round negative logical_not isnan isinf isfinite arctan arcsinh").split()
_BINARY = "add subtract multiply divide power floor_divide remainder maximum minimum logaddexp".split()
_COMPARE = "equal not_equal greater greater_equal less less_equal logical_and logical_or".split()
_REDUCE = "sum prod mean var std max min all any argmax argmin logsumexp".split()
_SCAN = "cumsum cumprod cummax cummin".split()
_ACTIVATIONS = ("silu gelu gelu_approx gelu_fast_approx relu relu2 relu6 softplus leaky_relu elu celu selu tanh "
                "sigmoid log_sigmoid mish hardswish softsign softmax log_softmax").split()

_INDEX = """x[0]
x[-1, 1]
x[..., 0]
x[:, ::2]
x[::-1]
x[:, ::-2, 1:]
x[:, 5:]
x[None, 0]
x[:, None, ..., None]
x[mx.array([1, 0, 1])]
x[:, mx.array([-1, 0])]
x[mx.array([0, 1]), :, 0]
x[0, :, mx.array([0, 1])]
x[mx.array([0, 1]), mx.array([2, 0])]
x[[1, 0]]
x[mx.array(1)]
x[mx.array([[0, 1], [1, 1]])]
x[None, 0, :, mx.array([0, 1])]
x[mx.array([0, 1], mx.uint8)]
x[x > 0]""".splitlines()

_PUT = """x[0] = 5
x[:, 1] = mx.array([1.0, 2.0, 3.0, 4.0])
x[..., ::2] = 0.5
x[::-1] = mx.arange(24).reshape(2, 3, 4)
x[mx.array([1, 0])] = mx.ones((1, 2, 3, 4))
x[:, mx.array([2, 0])] = -1
x[x > 0] = 0
x[1, 2, 3] = 7
y = x; x[0] = 1; x = y
y = x[0]; x[0] = 1; x = y
y = x * 1; x += 1; x = y
y = x; x += 1; x = y
y = x[0]; y[0] = 9
y = x.astype(x.dtype); y += 1
x = x.at[0].add(2.0)
x = x.at[mx.array([0, 0, 1])].add(1.0)
x = x.at[..., :2].multiply(3.0)
x = x.at[mx.array([1])].maximum(0.0)
x = x.at[:, mx.array([0, 2])].subtract(mx.array(0.5))""".splitlines()

_SHAPES = """x.reshape(6, -1)
x.reshape([4, 6])
x.T
x.transpose(2, 0, 1)
x.swapaxes(0, 2)
x.moveaxis(0, -1)
x.flatten()
x.flatten(1)
x.flatten(-2, -1)
mx.unflatten(x, -1, (2, 2))
mx.expand_dims(x, (0, -1))
x[None].squeeze(0)
mx.concatenate([x, x.astype(mx.float16)], axis=1)
mx.stack([x, x], axis=-1)
mx.split(x, 2, axis=-1)[1]
mx.split(x, [1, 3], axis=-1)[1]
mx.pad(x, [(0, 0), (1, 2), (0, 1)], constant_values=2.0)
mx.pad(x[0], 1)
mx.pad(x[0], ((1, 1), (0, 2)), mode="edge")
mx.repeat(x, 2, axis=1)
mx.repeat(x, 2)
mx.tile(x, (1, 2))
mx.tile(x, 2)
mx.roll(x, 1, axis=-1)
mx.roll(x, 3)
mx.broadcast_to(x[:, :1], (2, 3, 4))
mx.tril(x[0], k=-1)
mx.triu(x[0])
mx.as_strided(x, (2, 2, 2), (8, 2, 1), 1)
mx.diag(x[0, 0])
mx.diagonal(x[0])
mx.take(x, mx.array([0, 2]), axis=1)
mx.take(x, mx.array([3, 30 - 12]))
mx.take_along_axis(x, mx.argsort(x, axis=-1), axis=-1)
mx.take_along_axis(x, mx.array([[[0], [1], [2]]]), axis=-1)
mx.put_along_axis(x, mx.array([[[0]], [[2]]]), mx.array(-9.0), axis=1)
mx.sort(x, axis=1)
mx.argsort(x, axis=-1)
mx.argpartition(x, kth=-2, axis=-1)[..., -2:].sum(-1)
mx.topk(x, 2)
mx.topk(x, 2, axis=1)
mx.partition(x, 1)[..., :1]
mx.where(x > 0, x, 0)
mx.where(x > 0, 1, 2.5)
mx.clip(x, -1, 1)
mx.clip(x, None, 0.5)
mx.meshgrid(mx.arange(2), mx.arange(3), indexing="ij")[1]
mx.softmax(x, axis=-1)
mx.softmax(x, axis=(1, 2))
mx.softmax(x)
mx.cumsum(x, axis=1, reverse=True)
mx.cumsum(x, axis=1, inclusive=False)
mx.linalg.norm(x, axis=-1)
mx.linalg.norm(x, ord=1, axis=-1, keepdims=True)
mx.einsum("bij,bkj->bik", x, x)
mx.inner(x[0], x[0])
mx.outer(x[0, 0], x[0, 1])
mx.tensordot(x, x[0].T, 1)
mx.addmm(mx.ones(3), x, x[0].T)
mx.matmul(x, x.swapaxes(1, 2))
x @ x[0, 0]
mx.hadamard_transform(x)
mx.view(x.astype(mx.float32), mx.uint32)
mx.view(x.astype(mx.float32), mx.uint8)
x.astype(mx.int32).view(mx.int16)
x.sum(axis=(0, 2))
x.max(axis=1, keepdims=True)
x.mean()
x.var(axis=0, ddof=1)
mx.median(x, axis=1)
mx.nan_to_num(mx.log(x))
mx.stop_gradient(x)
mx.array_equal(x, x)
mx.allclose(x, x + 1e-9)
mx.ones_like(x)
mx.zeros((2, 2), mx.bfloat16)
mx.full((2, 3), mx.array([1, 2, 3]))
mx.round(x, 1)
mx.divmod(x, 0.7)[0]
x ** 2
2 ** x
1 - x
1 / (x + 9)
x % 0.7
x // 0.7
-x
abs(x)
x > 1
x == x[0]
~(x > 0)
(x > 0) & (x < 1)
(x > 0) | (x < -1)
mx.array([x[0, 0], x[0, 1]])
mx.array([1, 2.5])
mx.array([True, 2])
mx.array(2 ** 40)
mx.array([])
mx.arange(3)
mx.arange(1, 7, 2)
mx.arange(3.0)
mx.arange(0, 1, 0.3)
mx.arange(4, 0, -1)
mx.arange(5, dtype=mx.bfloat16)
mx.linspace(0, 1, 5)
mx.eye(3, k=1)
mx.tri(3)
mx.finfo(mx.bfloat16).min
mx.finfo(mx.float16).max
mx.issubdtype(mx.bfloat16, mx.floating)
str(mx.float32)
x.shape[0]
x.size
x.ndim
x.nbytes
x.item()
mx.max(x).item() > 1
mx.depends(x, x)
mx.contiguous(x.T)
mx.left_shift(mx.array([1, 2], mx.uint32), 5)
mx.right_shift(mx.array([256, 3], mx.uint32), 2)
mx.bitwise_and(mx.array([7, 12]), 6)
mx.array([-7, 7]) // 2
mx.array([-7, 7]) % 3
mx.array([1, 2]) / 2
mx.array([200, 100], mx.uint8) + 100
mx.array([1, 2], mx.uint8) - 2
mx.array([-1.5, 3.7]).astype(mx.int32)
mx.array([256, -1]).astype(mx.uint8)
mx.array([1, 2]) @ mx.array([1, 2])
mx.split(x, 3, axis=-1)
x[0, 0, 0, 0]
mx.concatenate([x, x[0]])
x.reshape(5, 5)
mx.array([True]) - True
mx.array([1.0, float("inf"), float("nan")]) > 1
mx.isnan(mx.array([1.0, float("nan")]))
mx.logsumexp(x, axis=-1, keepdims=True)
mx.to_fp8(x)
mx.from_fp8(mx.arange(256).astype(mx.uint8), mx.float32)[::5]
mx.metal.is_available()
mx.default_device() == mx.gpu
mx.distributed.init().size()
utils.tree_flatten({"a": [1, {"b": 2}], "c": (3,)})[1][0]
utils.tree_unflatten([("a.0", 1), ("a.1.b", 2), ("c", 3)])["a"][1]["b"]
utils.tree_map(lambda it: it + 1, {"a": [1, 2]})["a"]
utils.tree_reduce(lambda a, b: a + b, {"a": [1, 2], "b": 3}, 0)""".splitlines()

_LAYERS = """mx.fast.rms_norm(x, mx.arange(4).astype(x.dtype), 1e-5)
mx.fast.rms_norm(x, None, 1e-6)
mx.fast.rms_norm(x, mx.arange(4).astype(mx.float32), 1e-5)
mx.fast.layer_norm(x, mx.arange(4).astype(x.dtype), mx.ones(4, x.dtype), 1e-5)
mx.fast.layer_norm(x, None, None, 1e-5)
mx.fast.rope(x[None], 4, traditional=False, base=100.0, scale=1.0, offset=3)
mx.fast.rope(x[None], 4, traditional=True, base=100.0, scale=0.5, offset=0)
mx.fast.rope(x[None], 2, traditional=False, base=100.0, scale=1.0, offset=2)
mx.fast.rope(x[:, None], 4, traditional=False, base=100.0, scale=1.0, offset=mx.array([1, 5]))
mx.fast.rope(x[None], 4, traditional=False, base=None, scale=1.0, offset=3, freqs=mx.array([2.0, 7.0]))
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5)
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5, mask="causal")
mx.fast.scaled_dot_product_attention(x[None], y[None, :1], y[None, :1], scale=0.5)
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5, mask=mx.tri(3, 3, 0) > 0)
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5, mask=mx.tri(3, 3, -1) > 0)
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5, mask=y[:1, :, :3])
mx.fast.scaled_dot_product_attention(x[None], y[None], y[None], scale=0.5, sinks=x[0, 0, :2])
mx.fast.scaled_dot_product_attention(x[None, :, -1:], y[None], y[None], scale=0.5, mask="causal")
mx.conv1d(x, mx.arange(24).reshape(3, 2, 4).astype(x.dtype), padding=1)
mx.conv1d(x, mx.arange(8).reshape(4, 2, 1).astype(x.dtype), groups=4, stride=2)
mx.conv1d(x, mx.arange(24).reshape(3, 2, 4).astype(x.dtype), dilation=2)
mx.conv2d(x[None], mx.arange(16).reshape(1, 2, 2, 4).astype(x.dtype))
mx.conv_general(x, mx.arange(24).reshape(3, 2, 4).astype(x.dtype), padding=([1], [0]))
nn.RMSNorm(4)(x)
nn.LayerNorm(4)(x)
nn.GroupNorm(2, 4)(x)
nn.GroupNorm(2, 4, pytorch_compatible=True)(x)
nn.RoPE(4)(x[None], offset=2)
nn.GELU("tanh")(x)
nn.glu(x)
nn.Dropout(0.5).eval()(x)
nn.Sequential(nn.ReLU(), nn.Tanh())(x)
nn.ALiBi.create_alibi_matrix(3, 3, 2, 0)
nn.SinusoidalPositionalEncoding(4)(mx.arange(3))""".splitlines()

# Packed weights: what is packed, the scales, the widened weights and the products.
_PACK = ("w = (mx.arange(512).reshape(4, 128) * 37 % 512 - 200).astype(mx.{0}) / 97; "
         "x = (mx.arange(256).reshape(2, 128) * 11 % 256 - 100).astype(mx.{0}) / 97; "
         "q = mx.quantize(w, group_size={1}, bits={2}); o = dict(group_size={1}, bits={2}); ")
_PACKED = ("r = q[0]", "r = q[1]", "r = q[2]", "r = mx.dequantize(*q, **o)",
           "r = mx.quantized_matmul(x.astype(mx.float32), q[0], q[1].astype(mx.float32), "
           "q[2].astype(mx.float32), **o)")
_EXPERTS = ("w = (mx.arange(768).reshape(3, 4, 64) * 37 % 512 - 200).astype(mx.float32) / 97; "
            "x = (mx.arange(128).reshape(2, 1, 1, 64) * 11 % 128 - 60).astype(mx.float32) / 97; "
            "i = mx.array([[0, 2], [1, 1]]); q = mx.quantize(w, group_size=32, bits=4); "
            "o = dict(group_size=32, bits=4, transpose=True); ")


def _families():
    for name in DTYPES:
        for other in DTYPES:
            yield f"r = str(mx.result_type(mx.ones(1, mx.{name}), mx.ones(1, mx.{other})))"
        for number in ("True", "3", "1.5"):
            yield _WHOLE.format(name) + f"r = x + {number}"
        for call in ("sum", "prod", "mean", "max", "cumsum", "argmax", "sort"):
            yield _WHOLE.format(name) + f"r = mx.{call}(x, axis=-1)"
        yield _WHOLE.format(name) + "r = x / 2"
        yield _WHOLE.format(name) + "r = mx.exp(x / 9)"
    for name in FLOATS:
        both = _X.format(name) + _Y.format(name)
        for call in _UNARY:
            inner = "abs(x) + 0.1" if call in ("sqrt", "rsqrt", "log1p") else "x"
            yield _X.format(name) + f"r = mx.{call}({inner})" if call != "logical_not" else \
                _X.format(name) + "r = mx.logical_not(x > 0)"
        for call in _BINARY:
            first = "abs(x)" if call == "power" else "x"
            yield both + f"r = mx.{call}({first}, y)"
            yield both + f"r = mx.{call}({first}, 0.3)"
        for call in _COMPARE:
            yield both + f"r = mx.{call}(x, y)"
        for call in _REDUCE:
            yield _X.format(name) + f"r = mx.{call}(x, axis=1)"
            yield _X.format(name) + f"r = mx.{call}(x)"
        for call in _SCAN:
            yield _X.format(name) + f"r = mx.{call}(x, axis=-1)"
        for call in _ACTIVATIONS:
            yield _X.format(name) + f"r = nn.{call}(x)"
        for call in _LAYERS:
            # MLX rounds the variance of half types in steps of its own.
            if "GroupNorm(2, 4)(" in call and name != "float32":
                continue
            yield both + f"r = {call}"
        for group, bits in ((32, 4), (64, 8), (128, 2), (64, 3), (64, 5), (64, 6)):
            for asked in _PACKED:
                yield _PACK.format(name, group, bits) + asked


def cases():
    """Every piece of code, in one order."""
    yield from _families()
    x = _X.format("float32")
    for index in _INDEX:
        yield x + f"r = {index}"
    for statement in _PUT:
        yield x + statement + "; r = x"
    for call in _SHAPES:
        yield x + f"r = {call}"
    yield _EXPERTS + "r = mx.gather_mm(x, w.swapaxes(1, 2), rhs_indices=i)"
    yield _EXPERTS + "r = mx.gather_mm(x, w.swapaxes(1, 2), rhs_indices=i, sorted_indices=True)"
    yield _EXPERTS + "r = mx.gather_qmm(x, *q, rhs_indices=i, **o)"
    yield _EXPERTS + "r = mx.block_masked_mm(x[0, 0], w[0].T, 32, mask_lhs=mx.array([[True, False]]))"
