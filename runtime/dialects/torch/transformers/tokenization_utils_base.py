"""Tokenizers are the machine's caller's affair."""


class PreTrainedTokenizerBase:
    """Nothing is an instance of this."""


BatchEncoding = AddedToken = PaddingStrategy = TruncationStrategy = PreTrainedTokenizerBase
