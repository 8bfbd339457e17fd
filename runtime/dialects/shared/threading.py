"""One thread: locks are always free."""


class Lock:
    """Always free."""

    def __init__(self, *args):
        pass

    def acquire(self, blocking=True, timeout=-1):
        return True

    def release(self):
        pass

    def locked(self):
        return False

    def __enter__(self):
        return True

    def __exit__(self, *exception):
        return False


RLock = Semaphore = BoundedSemaphore = Condition = Lock


class local:
    """Attributes of the one thread."""


class Thread:
    """There is only the one that runs."""

    name, daemon, ident = "MainThread", False, 1

    def __init__(self, *args, **kwargs):
        pass

    def start(self):
        raise RuntimeError("model code runs on one thread")

    def is_alive(self):
        return True


class Event:
    """A flag."""

    def __init__(self):
        self._set = False

    def set(self):
        self._set = True

    def clear(self):
        self._set = False

    def is_set(self):
        return self._set

    def wait(self, timeout=None):
        return self._set


_main = Thread()


def current_thread():
    return _main


main_thread = current_thread


def get_ident():
    return 1


get_native_id = get_ident


def _register_atexit(function, *args, **kwargs):
    pass


def _shutdown():
    pass
