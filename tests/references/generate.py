"""Tiny checkpoints with a real tokenizer each, and what transformers itself generates from them.

    python generate.py OUT

writes ``OUT/NAME`` with a whole checkpoint and ``OUT/NAME.json`` with prompt, ids and text.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

PROMPT = "Größe: the cat – 猫 🐈 – says"
CHAT = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""

SMALL = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.4,
         "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "tie_word_embeddings": False}
MODELS = {
    "llama": {"add_bos": True},
    "qwen3": {"chat": CHAT, "system": "Be brief."},
    "gemma3_text": {"sliding_window": 8, "sliding_window_pattern": 2, "num_hidden_layers": 4,
                    "layer_types": ["sliding_attention", "full_attention"] * 2, "add_bos": True,
                    "query_pre_attn_scalar": 8, "final_logit_softcapping": None,
                    "attn_logit_softcapping": None},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 2, "chunk_size": 8},
    "toy": {},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
}
CORPUS = ["the cat says hello to the other cat", "Größe und Maß: äöüß", "猫が好きです。猫と犬。",
          "def f(x):\n    return x + 1\n", "🐈 🐕 🦊", "the quick brown fox jumps over the lazy dog"] * 4


def tokenizer(folder, chat, add_bos):
    """A byte-level BPE, trained here."""
    it = Tokenizer(models.BPE())
    it.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    it.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    it.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if add_bos:
        it.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=it, bos_token="<s>", eos_token="</s>")
    fast.chat_template = chat
    fast.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def remote(folder):
    """A checkpoint whose definition lies in its own folder."""
    for file in (Path(__file__).parent / "remote").glob("*.py"):
        shutil.copy(file, folder)
    config = {"model_type": "portwright_toy", "architectures": ["ToyForCausalLM"], "vocab_size": 320,
              "bos_token_id": 0, "eos_token_id": 1,
              "auto_map": {"AutoConfig": "configuration_toy.ToyConfig",
                           "AutoModelForCausalLM": "modeling_toy.ToyForCausalLM"}}
    (folder / "config.json").write_text(json.dumps(config))
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    torch.manual_seed(9)
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=True).eval().float()
    for it in model.parameters():
        torch.nn.init.normal_(it, std=0.4)
    save_file({name: it.contiguous() for name, it in model.state_dict().items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def local(folder, name, settings):
    """A random checkpoint of one of the library's own types."""
    torch.manual_seed(len(name))
    config = CONFIG_MAPPING[name](**{**SMALL, **settings})
    AutoModelForCausalLM.from_config(config).eval().float().save_pretrained(folder)


def checkpoint(folder, name, settings):
    """A random model, and its own greedy text."""
    settings = dict(settings)
    chat, system = settings.pop("chat", None), settings.pop("system", None)
    tokens = tokenizer(folder, chat, settings.pop("add_bos", False))
    if name == "toy":
        remote(folder)
    else:
        local(folder, name, settings)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=True).eval()
    if chat:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}]
        prompt = tokens.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokens.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    else:
        prompt, ids = PROMPT, tokens(PROMPT)["input_ids"]
    with torch.no_grad():
        output = model.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False)
    answer = output[0, len(ids):].tolist()
    return {"given": PROMPT, "system": system, "prompt": prompt, "prompt_ids": ids, "ids": answer,
            "text": tokens.decode(answer, skip_special_tokens=True)}


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    for name, settings in MODELS.items():
        told = checkpoint(out / name, name, settings)
        (out / f"{name}.json").write_text(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main()
