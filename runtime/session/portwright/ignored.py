"""Which missing and unexpected weights a model says do not matter."""

import re

# Buffers that once stood in checkpoints: their name in a model, and the pattern of the old keys.
_OLD_BUFFERS = {"rotary_emb.inv_freq": r"rotary_emb\.inv_freq", "position_ids": r"(^|\.)position_ids$"}


def missing(model, names):
    """Those of the missing weights that matter, sorted."""
    return _without(names, model._keys_to_ignore_on_load_missing)


def unexpected(model, names):
    """Those of the unexpected weights that matter, sorted."""
    buffers = [name for name, _ in model.named_buffers()]
    old = [pattern for end, pattern in _OLD_BUFFERS.items() if any(it.endswith(end) for it in buffers)]
    return _without(names, [*(model._keys_to_ignore_on_load_unexpected or ()), *old])


def _without(names, patterns):
    return sorted(it for it in names if not any(re.search(pattern, it) for pattern in patterns or ()))
