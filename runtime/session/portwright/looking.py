"""The module tree as data."""

import sys

from . import config_ledger


def look(model):
    rows = []
    for name, module in model.named_modules():
        cls = type(module)
        code = getattr(cls.forward, "__code__", None)
        rows.append({
            "name": name, "class": cls.__name__,
            "file": getattr(sys.modules.get(cls.__module__), "__file__", None),
            "line": code.co_firstlineno if code else None,
            "parameters": {key: {"shape": list(it.shape), "dtype": it.dtype.name}
                           for key, it in module._parameters.items() if it is not None},
            "buffers": {key: {"shape": list(it.shape), "dtype": it.dtype.name}
                        for key, it in module._buffers.items() if it is not None},
        })
    read = config_ledger.fields_read(model.config)
    return {
        "modules": rows,
        "config_read": sorted(read),
        "config_never_read": sorted(config_ledger.fields_of(model.config) - read),
        "tied": dict(model.all_tied_weights_keys),
        "plans": {kind: {key: str(it) for key, it in (getattr(model, f"_{kind}_plan", None) or {}).items()}
                  for kind in ("tp", "pp", "ep")},
        "attention_backend": bool(model._supports_attention_backend),
    }
