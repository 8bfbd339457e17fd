"""The op ``rope``: the rotation that each layer really applies, measured.

A port keeps its rotation in many places: a module of each attention, one module for all layers, a
direct call of ``mx.fast.rope``; and a layer may hold a rope module that it never calls. So a short
forward is watched first: which layer rotates, with what. Then that very rotation is applied to
unit vectors at the asked positions, and the matrix is read off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from ..session import Session, WorkerError
from ..stacks import is_text
from . import kernels, values
from .forward import write
from .loading import Handle
from .taps import submodules, watch

_PROBE = [1, 2, 3, 4]


@dataclass
class Rotation:
    """One rotation seen in a forward: how to apply it again, and the layout if it is known."""

    name: str
    apply: Callable[[mx.array, int], mx.array]
    width: int
    rank: int
    dims: int | None = None
    traditional: bool = False


def rope(session: Session, request: dict) -> dict:
    """Op ``rope``."""
    handle: Handle = session.handle(request["handle"])
    layers = decoder_layers(handle.model)
    seen = _probe(handle.model, layers)
    positions = [int(it) for it in request["positions"]]
    wide = handle.dtype == "float64"
    tensors: dict[str, np.ndarray] = {}
    measured: dict[str, np.ndarray | None] = {}
    listed = []
    for i, layer in enumerate(layers):
        rotation = _main(seen.get(i, []))
        if rotation is None:
            listed.append({"layer": i, "key": None, "module": None, "reason": _why_none(layer)})
            continue
        if rotation.name not in measured:
            measured[rotation.name] = _table(rotation, positions, wide)
        key = f"layers.{i}"
        if measured[rotation.name] is None:
            listed.append({"layer": i, "key": None, "module": rotation.name, "reason": (
                f"{rotation.name} returns its input unchanged (NoPE layer)")})
            continue
        tensors[key] = measured[rotation.name]
        listed.append({"layer": i, "key": key, "module": rotation.name, "reason": None})
    write(tensors, request["out"])
    absent = None if tensors else _why_absent(handle.model)
    return {"layers": listed, "absent": absent}


def decoder_layers(model: nn.Module) -> list:
    """The decoder layers in order, as ``model.layers`` or the longest list of modules of no tower."""
    layers = getattr(model, "layers", None)
    if isinstance(layers, (list, tuple)) and layers:
        return list(layers)
    lists = [it for path, module in [("", model), *submodules(model)] for name, it in module.items()
             if isinstance(it, list) and it and all(isinstance(e, nn.Module) for e in it)
             and is_text(f"{path}.{name}")]
    if not lists:
        raise WorkerError("unsupported", "the model has no list of layers")
    return max(lists, key=len)


@dataclass
class _Watcher:
    """The state of the probe: which layer runs, and which rope module inside it."""

    layer: list[int] = field(default_factory=list)
    module: list[Rotation] = field(default_factory=list)
    seen: dict[int, list[Rotation]] = field(default_factory=dict)

    def add(self, rotation: Rotation) -> None:
        if self.layer:
            self.seen.setdefault(self.layer[-1], []).append(rotation)


def _probe(model: nn.Module, layers: list) -> dict[int, list[Rotation]]:
    """Run a short prompt and note each layer's rotations in the order of their calls."""
    state = _Watcher()
    plain = [(it, type(it)) for it in layers]
    for i, layer in enumerate(layers):
        watch(layer, after=lambda _: state.layer.pop(),
              before=lambda args, kwargs, i=i: state.layer.append(i))
    known = {id(it) for it in layers}
    for path, module in submodules(model):
        if id(module) not in known and _is_rope(path, module):
            plain.append((module, type(module)))
            watch(module, after=lambda _: state.module.pop(),
                  before=_module_noter(state, path, module, type(module)))
    fast_rope = mx.fast.rope
    mx.fast.rope = _kernel_noter(state, fast_rope)
    try:
        kernels.evaluate(model(mx.array([_PROBE])))
    finally:
        mx.fast.rope = fast_rope
        for module, cls in plain:
            object.__setattr__(module, "__class__", cls)
    return state.seen


def _is_rope(path: str, module: nn.Module) -> bool:
    cls, name = type(module).__name__.lower(), path.rpartition(".")[2].lower()
    return any(it in cls or name.startswith(it) for it in ("rope", "rotary"))


def _module_noter(state: _Watcher, path: str, module: nn.Module, cls: type) -> Callable:
    def note(args: tuple, kwargs: dict) -> None:
        x = args[0] if args else next(iter(kwargs.values()))
        rest = args[1:]

        def apply(unit: mx.array, position: int) -> mx.array:
            if rest:  # the second parameter of every rope module is its offset
                return cls.__call__(module, unit, position, *rest[1:], **kwargs)
            return cls.__call__(module, unit, **{**kwargs, "offset": position})

        rotation = Rotation(path, apply, x.shape[-1], x.ndim)
        state.module.append(rotation)
        state.add(rotation)

    return note


def _kernel_noter(state: _Watcher, fast_rope: Callable) -> Callable:
    def note(x: mx.array, dims: int, *args: Any, **kwargs: Any) -> mx.array:
        if state.module:
            state.module[-1].dims = dims
            state.module[-1].traditional = kwargs.get("traditional", args[0] if args else False)
        else:
            def apply(unit: mx.array, position: int) -> mx.array:
                return fast_rope(unit, dims, *args, **{**kwargs, "offset": position})

            layer = state.layer[-1] if state.layer else -1
            count = len(state.seen.get(layer, []))
            state.add(Rotation(f"mx.fast.rope, call {count} of layer {layer}", apply, x.shape[-1],
                               x.ndim, dims, kwargs.get("traditional", False)))
        return fast_rope(x, dims, *args, **kwargs)

    return note


def _main(rotations: list[Rotation]) -> Rotation | None:
    """The attention's own rotation: the first that is not an indexer's."""
    own = [it for it in rotations if "indexer" not in it.name] or rotations
    return own[0] if own else None


def _table(rotation: Rotation, positions: list[int], wide: bool) -> np.ndarray | None:
    """[P, n, 2]: cos and sin, times the attention scaling, of each frequency at each position.

    None when it is the identity.
    """
    width = rotation.width
    units = mx.eye(width, dtype=mx.float64 if wide else mx.float32)
    units = units.reshape(width, *[1] * (rotation.rank - 2), width)
    images = [rotation.apply(units, it) for it in positions]
    if rotation.dims is None:
        images.append(rotation.apply(units, 1))
    kernels.evaluate(images)
    matrices = [values.to_numpy(it, wide).reshape(width, width) for it in images]
    pairs = _pairs(rotation, matrices[-1])
    if pairs is None:
        return None
    first, second = pairs
    table = [np.stack([it[first, first], it[first, second]], axis=-1)
             for it in matrices[:len(positions)]]
    return np.stack(table)


def _pairs(rotation: Rotation, at_one: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The two coordinates of each rotated plane, in the order of the model's frequencies."""
    dims, traditional = rotation.dims, rotation.traditional
    if dims is None:  # not MLX's kernel: read the layout off the rotation by one position
        off = np.abs(at_one - np.diag(np.diag(at_one)))
        turned = int((off.max(axis=1) > 0).sum())
        if not turned:
            return None
        partner = int(off[0].argmax())
        dims, traditional = (turned, True) if partner == 1 else (2 * partner, False)
    half = np.arange(dims // 2)
    return (2 * half, 2 * half + 1) if traditional else (half, half + dims // 2)


def _why_none(layer: nn.Module) -> str:
    classes = [type(it).__name__ for _, it in submodules(layer)]
    attention = [it for it in classes if "attention" in it.lower() or it.endswith("Attn")]
    if attention:
        return f"{attention[0]} rotates nothing (NoPE layer, or positions by other means)"
    return f"no attention in this layer ({', '.join(dict.fromkeys(classes[:3]))})"


def _why_absent(model: nn.Module) -> str:
    learned = [path for path, it in submodules(model) if isinstance(it, nn.Embedding)
               and any(name in path.rpartition(".")[2].lower() for name in ("wpe", "pos"))]
    if learned:
        return f"learned positions ({learned[0]}), no rotation"
    return "no layer calls a rope module or mx.fast.rope"
