"""Planted: the base of every rotation is larger by a share of itself."""

_rope = nn.RoPE.__init__


def _rope_planted(self, dims, traditional=False, base=10000, scale=1.0):
    _rope(self, dims, traditional, base * (1 + _SHARE), scale)


nn.RoPE.__init__ = _rope_planted
