"""What transformers' own warpers leave of a row of logits, as fixtures for `sampling.rs`.

    python runtime/tests/sampling_cases.py > runtime/tests/fixtures/sampling.json
"""

import json

import torch
from transformers import __version__
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
    TopPLogitsWarper,
)

CASES = [
    {},
    {"temperature": 0.5},
    {"temperature": 1.7, "top_k": 5},
    {"top_p": 0.6},
    {"temperature": 0.8, "top_p": 0.9, "top_k": 8},
    {"min_p": 0.2},
    {"temperature": 1.3, "top_p": 0.95, "min_p": 0.05},
    {"repetition_penalty": 1.4, "seen": [0, 3, 3, 7]},
    {"repetition_penalty": 1.2, "seen": [1, 2], "temperature": 0.7, "top_k": 10, "top_p": 0.8, "min_p": 0.1},
    {"top_p": 0.0},
]


def told(case, logits):
    """The probabilities of every token."""
    scores, seen = logits[None], torch.tensor([case.get("seen") or [0]])
    if "repetition_penalty" in case:
        scores = RepetitionPenaltyLogitsProcessor(case["repetition_penalty"])(seen, scores)
    if "temperature" in case:
        scores = TemperatureLogitsWarper(case["temperature"])(seen, scores)
    if "top_k" in case:
        scores = TopKLogitsWarper(case["top_k"])(seen, scores)
    if "top_p" in case:
        scores = TopPLogitsWarper(case["top_p"])(seen, scores)
    if "min_p" in case:
        scores = MinPLogitsWarper(case["min_p"])(seen, scores)
    return scores.softmax(-1)[0].tolist()


torch.manual_seed(0)
rows = []
for case in CASES:
    logits = torch.randn(16) * 2
    rows.append({"settings": case, "logits": logits.tolist(), "expected": told(case, logits)})
print(json.dumps({"transformers": __version__, "torch": torch.__version__.split("+")[0], "cases": rows}))
