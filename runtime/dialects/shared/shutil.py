"""Copying and moving files, which code in this machine cannot do."""


class Error(OSError):
    """What the real module raises."""


def _never(*args, **kwargs):
    raise PermissionError("model code reaches no files")


copy = copy2 = copyfile = copyfileobj = copytree = move = rmtree = make_archive = unpack_archive = _never


def which(cmd, mode=1, path=None):
    """There are no programs."""
    return None


def get_terminal_size(fallback=(80, 24)):
    """There is no terminal."""
    return fallback


def __getattr__(name):
    raise AttributeError(f"model code has no shutil.{name}")
