"""Scripting and tracing: functions stay what they are."""

import builtins as _builtins


def script(function=None, *args, **kwargs):
    return function


def trace(function, *args, **kwargs):
    return function


ignore = unused = export = script_if_tracing = script
ScriptModule = type("ScriptModule", (), {})
ScriptFunction = type("ScriptFunction", (), {})
Final = None


def is_tracing():
    return False


def is_scripting():
    return False


def isinstance(value, kind):
    return _builtins.isinstance(value, kind)


def annotate(kind, value):
    return value
