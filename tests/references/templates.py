"""Chat templates, rendered by transformers itself at a fixed time.

    python templates.py FOLDER CONVERSATIONS OUT

renders every template of FOLDER with every conversation of CONVERSATIONS and writes
``{template: {conversation: text}}``; what a template refuses is told as ``{"refused": ...}``.
"""

import datetime
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils


class Clock(datetime.datetime):
    """It is always the same time."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 31, 12, 5)


def main():
    folder, conversations, out = (Path(it) for it in sys.argv[1:])
    chat_template_utils.datetime = Clock
    tokens = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>")
    told = {}
    for template in sorted(folder.glob("*.jinja")):
        rows = told[template.name] = {}
        for name, variables in json.loads(conversations.read_text()).items():
            variables = dict(variables)
            try:
                rows[name] = tokens.apply_chat_template(
                    variables.pop("messages"), chat_template=template.read_text(), tokenize=False, **variables)
            except Exception as error:
                rows[name] = {"refused": str(error)}
    out.write_text(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main()
