"""Attention by a compiled mask function: not here."""


class BlockMask:
    """Nothing is an instance of this."""


_DEFAULT_SPARSE_BLOCK_SIZE = 128


def create_block_mask(*args, **kwargs):
    raise NotImplementedError("flex_attention")


flex_attention = create_block_mask
