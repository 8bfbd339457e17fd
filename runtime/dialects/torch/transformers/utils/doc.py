"""Decorators that only write documentation."""

import functools
import types


def _text_only(*args, **kwargs):
    return lambda it: it


add_start_docstrings = add_start_docstrings_to_model_forward = add_end_docstrings = _text_only
add_code_sample_docstrings = replace_return_docstrings = _text_only
PT_SAMPLE_DOCSTRINGS = {}


def copy_func(f):
    copy = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    copy = functools.update_wrapper(copy, f)
    copy.__kwdefaults__ = f.__kwdefaults__
    return copy
