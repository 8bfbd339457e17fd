"""Which of a model's stacks of layers is the text decoder, by the names on the way to it."""

from __future__ import annotations

# The words of `harness/src/layer.rs`: a name with one of them is a tower's, or what stands beside it.
_OTHERS = ("vision", "visual", "image", "audio", "speech", "projector", "connector", "resampler", "abstractor")


def is_text(path: str) -> bool:
    """Whether no name above the first number of a path is a tower's."""
    for name in path.split("."):
        if name.isdigit():
            break
        if any(word in name for word in _OTHERS):
            return False
    return True


def is_layer(path: str) -> bool:
    """Whether a path is that of a whole layer of the text decoder: it ends in its one number."""
    names = path.split(".")
    return names[-1].isdigit() and sum(it.isdigit() for it in names) == 1 and is_text(path)
