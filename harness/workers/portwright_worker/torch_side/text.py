"""``texts``: token ids as the checkpoint's own tokenizer writes them."""

from __future__ import annotations

import os

from ..session import Session

# What `AutoTokenizer` can make a tokenizer from.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


def texts(session: Session, request: dict) -> dict:
    """The op ``texts``: one text a row of ids, or none where the checkpoint has no tokenizer."""
    checkpoint = request["checkpoint"]
    if not any(os.path.exists(os.path.join(checkpoint, it)) for it in TOKENIZER_FILES):
        return {"texts": None}
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    return {"texts": [tokenizer.decode(it) for it in request["rows"]]}
