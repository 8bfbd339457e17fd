"""Planted: the scale of the scores is larger by a share of itself."""

_attend = scaled_dot_product_attention


def scaled_dot_product_attention(*args, scale, **kwargs):
    return _attend(*args, scale=scale * (1 + _SHARE), **kwargs)
