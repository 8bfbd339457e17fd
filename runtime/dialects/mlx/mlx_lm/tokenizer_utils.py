"""The names that mlx-lm's loading imports of its tokenizers; there are none here."""


class TokenizerWrapper:
    """Refused: there are no tokenizers."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("mlx_lm.tokenizer_utils: there are no tokenizers in this dialect")


load = NewlineTokenizer = TokenizerWrapper


def __getattr__(name):
    raise AttributeError(f"mlx_lm.tokenizer_utils has no `{name}` in this dialect")
