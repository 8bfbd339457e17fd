"""Planted: the epsilon of every norm is larger by a share of itself."""

_norm = nn.RMSNorm.__init__


def _norm_planted(self, dims, eps=1e-5):
    _norm(self, dims, eps * (1 + _SHARE))


nn.RMSNorm.__init__ = _norm_planted
