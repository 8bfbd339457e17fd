"""The output of every submodule, in the order in which they finish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class Taps:
    """Collects outputs by forward hooks while used as a context.

    Each tensor is copied when its module returns: later in-place operations must not show.
    """

    def __init__(self, model: torch.nn.Module, out_dtype: torch.dtype) -> None:
        self.model, self.out_dtype = model, out_dtype
        self.records: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}
        self._calls: dict[str, int] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> Taps:
        for path, module in self.model.named_modules():
            if path:
                self._handles.append(module.register_forward_hook(self._hook(path)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, path: str):
        def hook(module: torch.nn.Module, _args: Any, output: Any) -> None:
            tensor = first_floating(output)
            if tensor is None:
                return
            calls = self._calls[path] = self._calls.get(path, 0) + 1
            key = path if calls == 1 else f"{path}#{calls}"
            self.tensors[key] = tensor.detach().to(self.out_dtype, copy=True).contiguous()
            dtype = str(tensor.dtype).removeprefix("torch.")
            self.records.append({"path": key, "class": type(module).__name__, "key": key,
                                 "shape": list(tensor.shape), "dtype": dtype, "nominal": dtype})

        return hook


def first_floating(output: Any) -> torch.Tensor | None:
    """The first floating tensor in whatever a module returned."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() else None
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        for it in output:
            if (found := first_floating(it)) is not None:
                return found
    return None
