"""A checkpoint written otherwise: with tensors that a definition ignores, or under the names that its class builds."""

from __future__ import annotations

import re
from typing import Any, Iterator

import torch

from . import files

# What a layer for drafts has beside a decoder layer's own tensors.
_OF_DRAFTS = ("enorm.weight", "hnorm.weight", "eh_proj.weight", "shared_head.norm.weight")
_LAYER = re.compile(r"(?P<stack>(?:.*\.)?layers)\.(?P<index>\d+)\.(?P<name>.+)")
_NUMBER = re.compile(r"(?<=layers)\\\.(\d+)\b")


def under_built_names(model: torch.nn.Module, out: str, weights: str) -> list[str]:
    """Writes the weights under every name that the class builds, a tied head's too; the names that the file
    did not have before."""
    before = files.load_tensors(weights)
    files.save_model(model, out, original=False)
    built = files.load_tensors(weights)
    built |= dict(_tied_head(model, built))
    files.save_tensors(built, weights)
    return sorted(built.keys() - before.keys())


def with_strays(model: torch.nn.Module, weights: str, layers: int, seed: int, notes: list[str],
                as_named: bool) -> list[str]:
    """Adds what published checkpoints hold and the definition ignores; the names of what was added.

    A definition may name a layer by the number that it has in the published model, as deepseek_v3 does: it
    gets the number of the layer behind the last, or `as_named` the one that is named.
    """
    tensors = files.load_tensors(weights)
    generator = torch.Generator().manual_seed(seed + 3)
    added: dict[str, torch.Tensor] = {}
    for pattern in _ignored(model):
        made = {name: it for name, it in _matching(pattern, tensors, layers)
                if name not in tensors and re.search(_at_the_end(pattern, layers), name)}
        if not made:
            notes.append(f"the definition ignores `{pattern}`, of which no tensor was made")
        for name, like in made.items():
            noise = torch.randn(like.shape, generator=generator)
            added[name] = (noise / max(like.shape[-1] if like.shape else 1, 1) ** 0.5).to(like.dtype)
    if added:
        if as_named and (named := [it for it in _ignored(model) if _at_the_end(it, layers) != it]):
            number = _NUMBER.search(named[0])[1]
            behind = re.compile(rf"(?<=layers)\.{layers}(?=\.)")
            added = {behind.sub(f".{number}", name): it for name, it in added.items()}
        files.save_tensors(tensors | added, weights)
    return sorted(added)


def is_tied(model: torch.nn.Module) -> bool:
    """Whether the output matrix is the input matrix."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    return head is not None and head.weight.data_ptr() == embedding.weight.data_ptr()


def _tied_head(model: torch.nn.Module, tensors: dict) -> Iterator[tuple[str, torch.Tensor]]:
    """The head of a tied model, which checkpoints may hold beside the embedding."""
    if not is_tied(model):
        return
    paths = {module: path for path, module in model.named_modules()}
    head, embedding = (f"{paths[it]}.weight" for it in (model.get_output_embeddings(), model.get_input_embeddings()))
    if head not in tensors and embedding in tensors:
        yield head, tensors[embedding].clone()


def _ignored(model: torch.nn.Module) -> list[str]:
    """The patterns of names that the definition's classes ignore, each once."""
    found: dict[str, None] = {}
    for module in model.modules():
        found.update(dict.fromkeys(getattr(module, "_keys_to_ignore_on_load_unexpected", None) or ()))
    return list(found)


def _at_the_end(pattern: str, layers: int) -> str:
    """The pattern with the number of the layer behind the last, where it names the published model's."""
    return _NUMBER.sub(rf"\\.{layers}", pattern) if "layers" in pattern else pattern


def _matching(pattern: str, tensors: dict, layers: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors with names that a pattern may mean, each like one that the model has."""
    last = _last_layer(tensors, layers)
    if "layers" in pattern and _NUMBER.search(pattern):
        return _behind(last, tensors, layers)
    stem = re.sub(r"\(\^\|\\\.\)|\^|\\b|\$", "", pattern)
    stem = re.sub(r"\.\*|\\\.$", "", stem).replace("\\d+", str(layers)).replace("\\", "").rstrip(".")
    if "mtp" in stem:
        # A bare word does not say what the names begin with.
        return iter(()) if pattern == "mtp" else _drafts(stem, last, tensors)
    if re.search("vis|image|audio", stem):
        return _tower(stem, tensors)
    if found := _LAYER.fullmatch(stem):
        return _part_of_layer(found, tensors)
    return _buffers(stem, last, tensors, layers)


def _last_layer(tensors: dict, layers: int) -> list[tuple[str, str, torch.Tensor]]:
    """The stack, the name within the layer and the values of each tensor of the last layer."""
    found = filter(None, map(_LAYER.fullmatch, sorted(tensors)))
    return [(it["stack"], it["name"], tensors[it.string]) for it in found if int(it["index"]) == layers - 1]


def _behind(last: list, tensors: dict, layers: int) -> Iterator[tuple[str, torch.Tensor]]:
    """A layer for drafts behind the last one, as that one is."""
    for stack, name, like in last:
        yield f"{stack}.{layers}.{name}", like
    for stack in dict.fromkeys(stack for stack, _, _ in last):
        for name in _OF_DRAFTS:
            yield f"{stack}.{layers}.{name}", _like(tensors, 1 if "norm" in name else 2)


def _drafts(stem: str, last: list, tensors: dict) -> Iterator[tuple[str, torch.Tensor]]:
    """A part for drafts of its own, with a layer as the last one is."""
    inside = stem if stem.endswith("layers") else f"{stem}.layers"
    for _, name, like in last:
        yield f"{inside}.0.{name}", like
    yield f"{stem}.norm.weight", _like(tensors, 1)
    yield f"{stem}.fc.weight", _like(tensors, 2)


def _tower(stem: str, tensors: dict) -> Iterator[tuple[str, torch.Tensor]]:
    """A tower, of which a text model has nothing."""
    yield f"{stem}.blocks.0.norm1.weight", _like(tensors, 1)
    yield f"{stem}.blocks.0.mlp.linear_fc1.weight", _like(tensors, 2)


def _part_of_layer(found: re.Match, tensors: dict) -> Iterator[tuple[str, torch.Tensor]]:
    """A part of one layer, which the others have."""
    for other, like in tensors.items():
        match = _LAYER.fullmatch(other)
        if match and f"{match['name']}.".startswith(f"{found['name']}."):
            yield f"{match['stack']}.{found['index']}.{match['name']}", like


def _buffers(stem: str, last: list, tensors: dict, layers: int) -> Iterator[tuple[str, torch.Tensor]]:
    """A buffer of an older release in each module of that name; a table of rotations in each attention."""
    owner, _, leaf = stem.rpartition(".")
    if owner:
        modules = {name.rsplit(".", depth)[0] for name in tensors for depth in (1, 2)}
        for it in sorted(modules):
            if it == owner or it.endswith(f".{owner}"):
                yield f"{it}.{leaf}", torch.ones(1, 1, 8, 8)
    elif leaf.endswith("inv_freq"):
        for stack in dict.fromkeys(stack for stack, _, _ in last):
            for layer in range(layers):
                yield f"{stack}.{layer}.self_attn.rotary_emb.{leaf}", torch.ones(4)


def _like(tensors: dict, axes: int) -> torch.Tensor:
    """Some tensor of the model's with so many axes."""
    return next(it for it in tensors.values() if it.ndim == axes)
