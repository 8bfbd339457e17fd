"""Flash attention's own kernels: not here; its keyword arguments are."""

from typing import TypedDict


class FlashAttentionKwargs(TypedDict, total=False):
    """Lengths of packed sequences."""

    cu_seq_lens_q: object
    cu_seq_lens_k: object
    max_length_q: object
    max_length_k: object


FLASH_ATTENTION_COMPATIBILITY_MATRIX = {}
FLASH_ATTN_KERNEL_VERSIONS = {}


def flash_attn_supports_top_left_mask(**_):
    return False


def is_flash_attn_available(**_):
    return False


def lazy_import_flash_attention(*args, **kwargs):
    raise ImportError("flash attention")


_flash_attention_forward = _get_unpad_data = lazy_import_flash_attention
