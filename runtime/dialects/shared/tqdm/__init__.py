"""Progress bars that show nothing."""

from . import auto


def tqdm(iterable=None, *args, **kwargs):
    return iterable
