"""A choice among numbered outcomes."""

from .. import _random, _reduce


class Categorical:
    """Probabilities along the last dimension."""

    def __init__(self, probs=None, logits=None, validate_args=None):
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = self.probs.log()
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = _reduce.softmax(self.logits, -1)

    def sample(self, sample_shape=()):
        if tuple(sample_shape):
            raise NotImplementedError("Categorical.sample() of several draws")
        flat = self.probs.reshape(-1, self.probs.shape[-1])
        return _random.multinomial(flat, 1).reshape(self.probs.shape[:-1])

    def entropy(self):
        return -(self.logits * self.probs).sum(-1)

    def log_prob(self, value):
        return self.logits.gather(-1, value.long().unsqueeze(-1)).squeeze(-1)
