"""The output of every submodule in the order in which they finish, with what entered layers and attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import torch
from safetensors import safe_open
from transformers.modeling_utils import AttentionInterface

from ..session import WorkerError
from ..stacks import is_layer


class Taps:
    """Collects tensors by hooks while used as a context.

    Each tensor is copied when it is seen: later in-place operations must not show.
    """

    def __init__(self, model: torch.nn.Module, out_dtype: torch.dtype) -> None:
        self.model, self.out_dtype = model, out_dtype
        self.records: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}
        self._calls: dict[str, int] = {}
        self._handles: list[Any] = []
        self._paths = {module: path for path, module in model.named_modules()}
        # The modules that are being called, the innermost last.
        self._inside: list[str] = []

    def __enter__(self) -> Taps:
        for path, module in self.model.named_modules():
            if is_layer(path):
                self._handles.append(module.register_forward_pre_hook(self._entering(path), with_kwargs=True))
            if path:
                self._handles.append(module.register_forward_pre_hook(self._calling(path)))
                self._handles.append(module.register_forward_hook(self._leaving(path), always_call=True))
        self._softmax = torch.nn.functional.softmax
        torch.nn.functional.softmax = self._weighing
        self._find = AttentionInterface.get_interface
        AttentionInterface.get_interface = lambda *args, **names: self._watched(self._find(*args, **names))
        return self

    def __exit__(self, *_: object) -> None:
        AttentionInterface.get_interface = self._find
        torch.nn.functional.softmax = self._softmax
        for handle in self._handles:
            handle.remove()

    def note(self, path: str, value: Any) -> None:
        """Keep the first floating tensor of a value."""
        tensor = first_floating(value)
        if tensor is None:
            return
        calls = self._calls[path] = self._calls.get(path, 0) + 1
        key = path if calls == 1 else f"{path}#{calls}"
        self.tensors[key] = tensor.detach().to(self.out_dtype, copy=True).contiguous()
        dtype = str(tensor.dtype).removeprefix("torch.")
        self.records.append({"path": key, "key": key,
                             "shape": list(tensor.shape), "dtype": dtype, "nominal": dtype})

    def _leaving(self, path: str) -> Callable:
        def leaving(_module: torch.nn.Module, _args: tuple, output: Any) -> None:
            self._inside.pop()
            self.note(path, output)

        return leaving

    def _calling(self, path: str) -> Callable:
        return lambda _module, _args: self._inside.append(path)

    def _weighing(self, scores: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The softmax whose input is kept, where it weighs keys: what a mask hides is 0. [B, H, T, S]"""
        if self._inside and scores.ndim >= SCORES:
            self.note(f"{self._inside[-1]}:scores", torch.where(scores > HIDDEN, scores, 0.0))
        return self._softmax(scores, *args, **kwargs)

    def _entering(self, path: str) -> Callable:
        return lambda _module, args, kwargs: self.note(f"{path}:input", (args, kwargs))

    def _watched(self, attend: Callable) -> Callable:
        """An attention function whose operands are kept: the queries with their scale. [B, H, T, D]"""

        def attending(module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
                      attention_mask: torch.Tensor | None, *args: Any, **kwargs: Any) -> Any:
            path = self._paths.get(module)
            if path is not None:
                # In front of the scores, which are seen while the function runs.
                scale = kwargs.get("scaling")
                scale = query.shape[-1] ** -0.5 if scale is None else scale
                operands = {"value": value, "key": key, "query": query * scale,
                            "mask": allowed(attention_mask, query, key), "sinks": kwargs.get("s_aux")}
                for name, operand in operands.items():
                    self.note(f"{path}:{name}", operand)
            output = attend(module, query, key, value, attention_mask, *args, **kwargs)
            if path is not None:
                self.note(f"{path}:attended", output[0].transpose(1, 2))
            return output

        return attending


class Fed:
    """Hands layers inputs of ours in place of those that arrive, which are kept in `taps`."""

    def __init__(self, taps: Taps, source: str, inputs: dict[str, str]) -> None:
        self._taps = taps
        with safe_open(source, "pt") as file:
            self._inputs = {path: file.get_tensor(key) for path, key in inputs.items()}
        self._handles: list[Any] = []

    def __enter__(self) -> Fed:
        for path, module in self._taps.model.named_modules():
            if path in self._inputs:
                self._handles.append(module.register_forward_pre_hook(self._feeding(path), with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _feeding(self, path: str) -> Callable:
        def feeding(_module: torch.nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            arrived = first_floating((args, kwargs))
            ours = self._inputs[path]
            if arrived is None or arrived.numel() != ours.numel():
                raise WorkerError("unsupported", f"the input of `{path}` has another shape")
            self._taps.note(f"{path}:input", arrived)
            ours = ours.reshape(arrived.shape).to(arrived.dtype)
            swap = lambda it: ours if it is arrived else it  # noqa: E731
            return tuple(swap(it) for it in args), {name: swap(it) for name, it in kwargs.items()}

        return feeding


def allowed(mask: torch.Tensor | None, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Which keys the first row's queries see: 1 or 0. [T, S]"""
    shape = (query.shape[-2], key.shape[-2])
    if mask is None:
        return torch.ones(shape)
    seen = mask if mask.dtype == torch.bool else mask > HIDDEN
    while seen.ndim > 2:
        seen = seen[0]
    return seen[..., :shape[1]].float().expand(shape)


# Scores of keys have a head, a query and a key; those of a router have fewer axes.
SCORES = 4
# What a mask adds to a score that does not count is below this, and a bias above.
HIDDEN = -1e4


def first_floating(output: Any) -> torch.Tensor | None:
    """The first floating tensor in whatever a module takes or returns."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() else None
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        for it in output:
            if (found := first_floating(it)) is not None:
                return found
    return None
