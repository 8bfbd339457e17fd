"""Weights that are one and the same."""

import re
from itertools import cycle

import torch

_PLAIN = re.compile(r"^[A-Za-z0-9_\.]+(weight)|(bias)$")


class Tying:
    """The names of tied weights, and how they become one."""

    def get_expanded_tied_weights_keys(self, all_submodels=False):
        if all_submodels:
            found = {}
            for prefix, module in self.named_modules(remove_duplicate=False):
                if isinstance(module, Tying):
                    for a, b in module.get_expanded_tied_weights_keys().items():
                        found[f"{prefix}.{a}" if prefix else a] = f"{prefix}.{b}" if prefix else b
            return found
        mapping = self._tied_weights_keys
        if not getattr(self.config, "tie_word_embeddings", False) or mapping is None:
            return {}
        if all(_PLAIN.match(it) for it in mapping.keys() | mapping.values()):
            return dict(mapping)
        names = {it for it, _ in self.named_parameters(remove_duplicate=False)}
        names |= {it for it, _ in self.named_buffers(remove_duplicate=False)}
        found = {}
        for target, source in mapping.items():
            sources = sorted(it for it in names if re.search("^" + source, it))
            targets = sorted(it for it in names if re.search("^" + target, it))
            if not sources or not targets or len(targets) % len(sources):
                raise ValueError(f"`{source}` names {sources}, which cannot be tied to {targets}")
            for a, b in zip(targets, cycle(sources)):
                found[a] = found.get(b, b)
        return found

    def tie_weights(self, missing_keys=None, recompute_mapping=True):
        tied = self.get_expanded_tied_weights_keys(all_submodels=True) if recompute_mapping \
            else self.all_tied_weights_keys
        pairs = list(tied.items())
        for place, (target, source) in enumerate(pairs):
            discard = True
            if missing_keys is not None:
                here, there = source not in missing_keys, target not in missing_keys
                if here and there:
                    if not torch.equal(self.get_parameter_or_buffer(source),
                                       self.get_parameter_or_buffer(target)):
                        self.all_tied_weights_keys.pop(target, None)
                        continue
                elif there:
                    target, source = source, target
                elif not here:
                    others = [a for a, b in pairs[place + 1:] if b == source and a not in missing_keys]
                    source, discard = (others[0], True) if others else (source, False)
            path, _, name = target.rpartition(".")
            setattr(self.get_submodule(path), name, self.get_parameter_or_buffer(source))
            if missing_keys is not None and discard:
                missing_keys.discard(target)

    def get_parameter_or_buffer(self, target):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        for kind in (module._parameters, module._buffers):
            if name in kind:
                return kind[name]
        raise AttributeError(f"`{target}` is neither a parameter nor a buffer")

    def mark_tied_weights_as_initialized(self):
        for name in self.all_tied_weights_keys:
            self.get_parameter_or_buffer(name)._is_hf_initialized = True

    def named_non_persistent_buffers(self, recurse=True, remove_duplicate=True):
        for path, module in self.named_modules():
            for name in module._non_persistent_buffers_set:
                if module._buffers.get(name) is not None:
                    yield f"{path}.{name}" if path else name, module._buffers[name]
