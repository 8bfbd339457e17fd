"""Progress bars that show nothing."""


def tqdm(iterable=None, *args, **kwargs):
    return iterable
