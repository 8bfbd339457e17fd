"""Reparametrised weights: not here."""


def weight_norm(module, name="weight", dim=0):
    raise NotImplementedError("weight normalisation")
