"""``rope``: the rotation that each decoder layer really applies.

The functions that apply a rotation (``apply_rotary_pos_emb`` and its kin) are module-level names of
a definition, so they are replaced there for one forward. What they are called with is what the
layer uses: a layer without rotation does not call them, even when it is handed the tables.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any, Callable

import torch
from portwright.calling import call, takes

from ..session import Session, WorkerError
from ..stacks import is_text
from . import files

_APPLIES = re.compile(r"^_?apply_.*rotary|^apply_rope|^_?apply_rotary")
_INDEX = re.compile(r"\.(\d+)(\.|$)")


def rope(session: Session, request: dict) -> dict:
    """The op ``rope``."""
    opened = session.handle(request["handle"])
    model, positions = opened.model, request["positions"]
    layers = decoder_layers(model)
    if "position_ids" not in takes(model):
        files.save_tensors({}, request["out"])
        return {"layers": [{"layer": it, "key": None, "module": None} for it in range(len(layers))],
                "absent": "the definition takes no position_ids"}
    # One call a position: dynamic and longrope rotations depend on the largest of the call.
    seen = [_turned_at(model, layers, it) for it in positions]
    tensors, records = {}, []
    for layer in range(len(layers)):
        found = [it[layer] for it in seen if layer in it]
        key = f"layers.{layer}" if len(found) == len(seen) else None
        if key:
            tensors[key] = torch.cat([it[1][:1] for it in found]).to(opened.out_dtype)
        records.append({"layer": layer, "key": key, "module": found[0][0] if found else None})
    absent = None if tensors else "the definition applies no rotation in any layer"
    files.save_tensors(tensors, request["out"])
    return {"layers": records, "absent": absent}


def _turned_at(model: torch.nn.Module, layers: list, position: int) -> dict[int, tuple[str, torch.Tensor]]:
    """The module that turns each layer at a position, and its table [2, n, 2]. A second token, at 1, shows
    how a table is laid out, which at 0 cannot be seen, and that its axis of places is none of heads."""
    recorder = Recorder(model, layers)
    try:
        with recorder, torch.no_grad():
            call(model, torch.ones((1, 2), dtype=torch.int64), use_cache=False,
                 position_ids=torch.tensor([[position, 1]]))
    except IndexError as error:
        raise WorkerError("unsupported", f"a position is beyond the definition's table: {error}",
                          hint="ask for positions below max_position_embeddings") from error
    return recorder.seen


def decoder_layers(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """The blocks of the text decoder: its longest list of modules at the outermost level."""
    lists = [(path, it) for path, it in model.named_modules()
             if isinstance(it, torch.nn.ModuleList) and not _INDEX.search(path) and is_text(path)]
    if not lists:
        return []
    path, blocks = max(lists, key=lambda it: len(it[1]))
    return [(f"{path}.{index}", block) for index, block in enumerate(blocks)]


class Recorder:
    """Replaces a definition's rotation functions and notes, per layer, what they get."""

    def __init__(self, model: torch.nn.Module, layers: list[tuple[str, torch.nn.Module]]) -> None:
        self.model, self.layers = model, layers
        self.seen: dict[int, tuple[str, torch.Tensor]] = {}
        self._layer: int | None = None
        self._module = ""
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Recorder:
        for index, (path, block) in enumerate(self.layers):
            for name, module in block.named_modules():
                handle = module.register_forward_pre_hook(self._enter(index, f"{path}.{name}".rstrip(".")))
                self._undo.append(handle.remove)
        for module in {sys.modules[type(it).__module__] for it in self.model.modules()}:
            if not module.__name__.startswith("torch."):
                for name, function in list(vars(module).items()):
                    if _APPLIES.match(name) and callable(function):
                        setattr(module, name, self._watch(function))
                        self._undo.append(lambda m=module, n=name, f=function: setattr(m, n, f))
        return self

    def __exit__(self, *_: object) -> None:
        for undo in reversed(self._undo):
            undo()

    def _enter(self, index: int, path: str):
        def hook(_module: torch.nn.Module, _args: Any) -> None:
            self._layer, self._module = index, path

        return hook

    def _watch(self, function: Callable) -> Callable:
        signature = inspect.signature(function)

        def watching(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            if self._layer is not None and self._layer not in self.seen:
                turns = torch.tensor([1.0, -1.0 if backwards(function) else 1.0])
                self.seen[self._layer] = (self._module, table(given) * turns)
            return function(*args, **kwargs)

        return watching


def backwards(function: Callable) -> bool:
    """Whether the `rotate_half` beside a rotation function turns the other way (nanochat's does)."""
    rotate_half = getattr(sys.modules.get(function.__module__), "rotate_half", None)
    if rotate_half is None:
        return False
    try:
        return rotate_half(torch.tensor([1.0, 0.0]))[1].item() < 0
    except (IndexError, RuntimeError, TypeError, ValueError):
        return False  # it takes something else than the rotated part


def table(given: dict[str, Any]) -> torch.Tensor:
    """The tables of one call as [P, n, 2]: cosine and sine of each frequency, scaling included."""
    if "cos" in given and "sin" in given:
        cos, sin = given["cos"], given["sin"]
    else:
        turns = next((it for it in given.values() if isinstance(it, torch.Tensor) and it.is_complex()),
                     None)
        if turns is None:
            raise WorkerError("unsupported", f"cannot read a rotation from {sorted(given)}")
        cos, sin = turns.real, turns.imag
    cos, sin = (it.reshape(-1, it.shape[-1]) for it in _one_row(cos, sin))
    half = cos.shape[-1] // 2
    if cos.shape[-1] % 2 == 0 and half:
        for pick in (slice(0, half), slice(0, None, 2)):
            rest = slice(half, None) if pick.step is None else slice(1, None, 2)
            if torch.equal(cos[:, pick], cos[:, rest]) and torch.equal(sin[:, pick], sin[:, rest]):
                cos, sin = cos[:, pick], sin[:, pick]
                break
    return torch.stack([cos, sin], dim=-1)


def _one_row(cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Drop the batch dimension and any dimension of size one that stands for the heads."""
    while cos.dim() > 2:
        cut = next((d for d in range(cos.dim() - 1) if cos.shape[d] == 1), 0)
        cos, sin = cos.select(cut, 0), sin.select(cut, 0)
    return cos, sin
