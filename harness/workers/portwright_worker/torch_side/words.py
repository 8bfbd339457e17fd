"""The words that a definition's source compares its config's fields with."""

from __future__ import annotations

import importlib
import inspect
import re
import sys


def compared(name: str, source: str) -> list[str]:
    """Every word that stands beside a comparison of the field, in the order of the source."""
    words: list[str] = []
    for found in re.finditer(rf"\b{re.escape(name)}\s*(?:==|!=|in|not in)\s*([^\n:]+)", source):
        words += re.findall(r"""["']([A-Za-z0-9_\-]+)["']""", found.group(1).split(" and ")[0])
    return list(dict.fromkeys(words))


def asked_for(name: str, config_class: type) -> bool:
    """Whether the definition takes the field by ``getattr``: its class need not declare it."""
    modeling = config_class.__module__.replace(".configuration_", ".modeling_")
    try:
        importlib.import_module(modeling)
    except ImportError:
        return False  # what is not there asks for nothing
    pattern = rf"""getattr\(\s*(?:self\.)?config,\s*["']{re.escape(name)}["']"""
    return re.search(pattern, source_of(config_class)) is not None


def source_of(config_class: type) -> str:
    """The source of a config class's file and of the models beside it, where they were imported."""
    name = config_class.__module__
    modules = [sys.modules.get(it) for it in (name, name.replace(".configuration_", ".modeling_"))]
    texts = []
    for module in modules:
        if module is not None:
            try:
                texts.append(inspect.getsource(module))
            except (OSError, TypeError):
                continue  # a machine without sources: then no words are known
    return "\n".join(texts)
