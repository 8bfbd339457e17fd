"""What PyTorch in eager mode takes for a checkpoint: FOLDER PREFILL STEPS ROUNDS THREADS.

The answer is one line of JSON; times in milliseconds, memory in MiB.
"""

import json
import resource
import sys
import time


def main(folder, prefill, steps, rounds, threads):
    start = time.perf_counter()
    import torch
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    imported = time.perf_counter() - start
    torch.set_num_threads(threads)
    start = time.perf_counter()
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                             attn_implementation="sdpa").eval()
    load = time.perf_counter() - start
    vocabulary = model.config.vocab_size
    prompt = torch.tensor([[it * 7919 % vocabulary for it in range(prefill)]])
    best = dict.fromkeys(("prefill", "decode", "forward", "prefill_cpu", "decode_cpu"), float("inf"))
    with torch.no_grad():
        for _ in range(rounds):
            start, start_cpu = time.perf_counter(), time.process_time()
            output = model(input_ids=prompt, use_cache=True)
            token = output.logits[:, -1:].argmax(-1)
            after, after_cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                output = model(input_ids=token, past_key_values=output.past_key_values,
                               use_cache=True)
                token = output.logits[:, -1:].argmax(-1)
            end, end_cpu = time.perf_counter(), time.process_time()
            short = torch.arange(1, 9)[None]
            begin = time.perf_counter()
            model(input_ids=short, use_cache=False)
            found = {"prefill": after - start, "decode": (end - after) / steps,
                     "forward": time.perf_counter() - begin,
                     "prefill_cpu": after_cpu - start_cpu,
                     "decode_cpu": (end_cpu - after_cpu) / steps}
            best = {name: min(best[name], value * 1e3) for name, value in found.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"import": imported * 1e3, "load": load * 1e3, "peak_memory": peak,
                      "torch": torch.__version__, **best}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]))
