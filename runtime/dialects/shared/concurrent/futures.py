"""Futures that are computed where they are asked for."""


class Future:
    """A call that waits until its result is wanted."""

    def __init__(self, function, args, kwargs):
        self._call = (function, args, kwargs)

    def result(self, timeout=None):
        if self._call is not None:
            function, args, kwargs = self._call
            self._call = None
            self._value = function(*args, **kwargs)
        return self._value

    def done(self):
        return True

    def cancel(self):
        return False


class ThreadPoolExecutor:
    """No threads: every result is computed when it is asked for."""

    def __init__(self, max_workers=None, **options):
        pass

    def submit(self, function, *args, **kwargs):
        return Future(function, args, kwargs)

    def map(self, function, *iterables, timeout=None, chunksize=1):
        return map(function, *iterables)

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False


ProcessPoolExecutor = Executor = ThreadPoolExecutor


def as_completed(futures, timeout=None):
    return iter(futures)


def wait(futures, timeout=None, return_when=None):
    return set(futures), set()
