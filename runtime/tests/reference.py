"""Tiny random checkpoints of every causal LM, with what real PyTorch computes from them.

Run with the engines' Python: ``reference.py OUT [MODEL_TYPE ...]``. Each folder gets ``config.json``,
``model.safetensors``, ``case.json`` and ``reference.safetensors``.
"""

import json
import os
import sys
import time
import traceback

import torch
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "harness", "workers"))
from portwright_worker.torch_side import forward as side, opening  # noqa: E402
from portwright_worker.torch_side.synthesize import synthesize  # noqa: E402
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES  # noqa: E402

# Fields without which the general rules for tiny configs give a config that the definition refuses.
OVERRIDES = {
    "xmod": {"default_language": "en_XX"},
    "reformer": {"axial_pos_embds_dim": [16, 48], "axial_pos_shape": [8, 8], "is_decoder": True,
                 "attn_layers": ["local", "lsh"], "num_buckets": 4},
    "gemma4_assistant": {"hidden_size_per_layer_input": 0},
    "gemma4_unified_assistant": {"hidden_size_per_layer_input": 0},
    "qwen4_exp_text": {"token_budget": 8, "compress_ratio": 2},
    "qwen4_exp": {"token_budget": 8, "compress_ratio": 2},
}
LENGTH = 12
PADDED = [12, 8]


def tokens_of(vocab):
    """Two rows of ids away from the special ones."""
    low, high = 10, min(vocab, 150)
    return [[low + (row * 37 + place * 13 + place * place) % (high - low) for place in range(LENGTH)]
            for row in range(2)]


def reference(model, case, dtype):
    """Every case of one dtype by name."""
    tokens = torch.tensor(case["tokens"])
    result = {}
    with torch.no_grad():
        result[f"full.{dtype}"] = side.logits_of(model, tokens)
        for name, request in case["modes"].items():
            try:
                batch = side.Padding.of(request, tokens)
                if request.get("chunks"):
                    result[f"{name}.{dtype}"] = side.in_chunks(model, tokens, request["chunks"], batch)
                else:
                    result[f"{name}.{dtype}"] = side.call(model, tokens, use_cache=False,
                                                          **batch.arguments()).logits
            except Exception as error:  # noqa: BLE001 - what the reference refuses is no case
                case.setdefault("refused", {})[f"{name}.{dtype}"] = f"{type(error).__name__}: {error}"
    return {key: it.to(torch.float64 if it.dtype == torch.float64 else torch.float32).contiguous()
            for key, it in result.items()}


def greedy(model, prompt, count):
    decoding, tokens, ids = side.Decoding(model), torch.tensor([prompt]), []
    with torch.no_grad():
        for _ in range(count):
            tokens = decoding.step(tokens)[:, -1:].argmax(-1)
            ids.append(int(tokens))
    return ids


def make(model_type, out):
    """One folder."""
    request = {"model_type": model_type, "out": out, "seed": 1, "dtype": "float32",
               "spelling": "rope_parameters", "overrides": OVERRIDES.get(model_type)}
    made = synthesize(None, request)
    case = {"tokens": tokens_of(made["vocab_size"]), "architecture": made["architecture"],
            "definition_file": made["definition_file"], "modes": {
                "decode": {"chunks": [LENGTH - 4, 1, 1, 1, 1]},
                "padded": {"padding": "left", "lengths": PADDED}}}
    tensors = {}
    for dtype in ("float32", "float64", "bfloat16"):
        model, _ = opening.load(out, opening.DTYPES[dtype], "eager")
        try:
            tensors |= reference(model, case, dtype)
        except Exception as error:  # noqa: BLE001 - what the reference refuses is no case
            case.setdefault("refused", {})[f"full.{dtype}"] = f"{type(error).__name__}: {error}"
        if dtype == "float32":
            try:
                case["greedy"] = greedy(model, case["tokens"][0], 16)
            except Exception as error:  # noqa: BLE001 - what the reference refuses is no case
                case.setdefault("refused", {})["greedy"] = f"{type(error).__name__}: {error}"
    save_file(tensors, os.path.join(out, "reference.safetensors"))
    with open(os.path.join(out, "case.json"), "w", encoding="utf-8") as file:
        json.dump(case, file, indent=1)


def main():
    """Every model type, or those named."""
    out, only = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(1)
    for model_type in only or MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        folder = os.path.join(out, model_type)
        if os.path.exists(os.path.join(folder, "case.json")):
            continue
        start = time.time()
        try:
            os.makedirs(folder, exist_ok=True)
            make(model_type, folder)
            print(model_type, f"{time.time() - start:.1f} s", flush=True)
        except Exception as error:  # noqa: BLE001 - one that cannot be made is a row of its own
            with open(os.path.join(folder, "failed.txt"), "w", encoding="utf-8") as file:
                file.write(traceback.format_exc())
            print(model_type, "not made:", type(error).__name__, str(error).splitlines()[:1], flush=True)


if __name__ == "__main__":
    main()
