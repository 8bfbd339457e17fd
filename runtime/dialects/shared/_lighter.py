"""The standard library's own work at import, made lighter.

Classes that are made from text, data classes above all, are compiled once and not in every process,
and no class gets a docstring made of its signature, which nobody here reads.
"""

import collections
import dataclasses
import inspect

import _kernels


def _run(text, names, results=None):
    exec(_kernels.compiled(text, "exec"), names, results)


def _value(text, names):
    return eval(_kernels.compiled(text, "eval"), names)


class _WithoutSignatures:
    """The module `inspect` for `dataclasses`, which asks for signatures to write them into docstrings."""

    @staticmethod
    def signature(*args, **options):
        raise ValueError("no docstring is made of a signature")

    def __getattr__(self, name):
        return getattr(inspect, name)


dataclasses.exec, dataclasses.inspect = _run, _WithoutSignatures()
collections.eval = _value
