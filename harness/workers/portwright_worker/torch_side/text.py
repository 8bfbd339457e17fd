"""``texts`` and ``encode``: between token ids and text, by the checkpoint's own tokenizer."""

from __future__ import annotations

import os
from typing import Any

from ..session import Session

# What `AutoTokenizer` can make a tokenizer from.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


def texts(session: Session, request: dict) -> dict:
    """The op ``texts``: one text a row of ids, or none where the checkpoint has no tokenizer."""
    tokenizer = tokenizer_of(request["checkpoint"])
    return {"texts": tokenizer and [tokenizer.decode(it) for it in request["rows"]]}


def encode(session: Session, request: dict) -> dict:
    """The op ``encode``: ids of a text, and of a question as a user asks it, where there is a tokenizer."""
    tokenizer = tokenizer_of(request["checkpoint"])
    if tokenizer is None:
        return {"words": None}
    question = request["question"]
    if getattr(tokenizer, "chat_template", None):
        turns = [{"role": "user", "content": question}]
        question = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(question, add_special_tokens=question is request["question"])["input_ids"]
    return {"words": {"text": tokenizer(request["text"])["input_ids"], "question": ids}}


def tokenizer_of(checkpoint: str) -> Any:
    """The checkpoint's tokenizer, or None where it has none."""
    if not any(os.path.exists(os.path.join(checkpoint, it)) for it in TOKENIZER_FILES):
        return None
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
