"""The ops of the reference inside the embedded runtime: one function each, from JSON to JSON.

They are those of :mod:`.torch_side`, with ``torch`` on candle in the place of PyTorch. The answer is
``{result, written}``, or ``{refused}`` where an op explains its failure.
"""

from __future__ import annotations

import _kernels
import torch
from portwright import session as own
from portwright.unsupported import Unsupported

from . import catalogue, embedded_files, imported as imports, ledgers as ledger, questions
from .session import Session, WorkerError
from .torch_side import config_experiment as experiments, opening, rope as rotations, synthesize as synthesis
from .torch_side import forward as running, spare, variations as varying

torch.set_grad_enabled(False)
_session = Session()


def _refused(raised: WorkerError | Unsupported) -> dict:
    error = WorkerError.of(raised)
    return {"refused": {"kind": error.kind, "message": str(error), "file": error.file,
                        "line": error.line, "hint": error.hint}}


def _op(function):
    def op(request: dict) -> dict:
        embedded_files.begin(request)
        try:
            result = function(_session, request)
        except (WorkerError, Unsupported) as raised:
            return _refused(raised)
        for tensors in embedded_files.stored.values():
            for name, tensor in tensors.items():
                _kernels.hand_over(name, tensor)
        return {"result": result, "written": dict(embedded_files.written)}

    return op


synthesize = _op(synthesis.synthesize)
open = _op(opening.open_checkpoint)
rope = _op(rotations.rope)
config_reads = _op(experiments.config_reads)
config_experiment = _op(experiments.config_experiment)
variable_fields = _op(varying.variable_fields)
spare_fields = _op(spare.spare_fields)
close = _op(opening.close)
_forward, _generate = _op(running.forward), _op(running.generate)
models = _op(catalogue.definitions)
imported = _op(imports.imported)


def forward(request: dict) -> dict:
    """The answer of a model that ``open`` opened, or ``open_model`` of the machine's own session."""
    return _forward(request) if request["handle"] in _session.handles else _own(questions.forward, request)


def generate(request: dict) -> dict:
    """Greedy ids, as ``forward``."""
    return _generate(request) if request["handle"] in _session.handles else _own(own.generate, request)


def ledgers(request: dict) -> dict:
    """What a definition uses of its config, its branches and its weights."""
    return _own(ledger.ledgers, request)


def _own(op, request: dict) -> dict:
    """An op that hands its tensors over by itself."""
    try:
        return {"result": op(request), "written": {}}
    except Unsupported as raised:
        return _refused(raised)
