"""Sequences of different lengths."""

from ..._creation import full


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    longest = max(it.shape[0] for it in sequences)
    rest = tuple(sequences[0].shape[1:])
    result = full((len(sequences), longest) + rest, padding_value, dtype=sequences[0].dtype)
    for row, it in enumerate(sequences):
        length = it.shape[0]
        start = 0 if padding_side == "right" else longest - length
        result[row, start:start + length] = it
    return result if batch_first else result.transpose(0, 1)
