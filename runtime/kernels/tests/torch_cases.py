"""Questions put to real PyTorch about every kernel, with its answers.

    python torch_cases.py fixtures/torch.jsonl

One JSON object a line: the kernel's name, its arguments, PyTorch's answer or that it refused, and,
for a kernel that writes, the storage of its first argument afterwards. `torch.rs` asks the same.
"""

import json
import sys

import torch
from cases.arrangement import indexing, shapes, sorts
from cases.asking import CASES
from cases.elements import binary, casts, create, unary
from cases.images import images, pooling
from cases.sums import complexes, products, reduces, shared_heads

torch.set_num_threads(1)
for family in (unary, binary, casts, create, shapes, indexing, reduces, sorts, products, complexes,
               images, shared_heads, pooling):
    family()
with open(sys.argv[1], "w") as out:
    out.write(json.dumps({"torch": torch.__version__, "cases": len(CASES)}) + "\n")
    for row in CASES:
        out.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")
print(len(CASES), "cases")
