"""An operating system without files, processes or an environment."""

import posixpath as path
import sys

name = "posix"
sep, altsep, extsep, pathsep, linesep = "/", None, ".", ":", "\n"
curdir, pardir, devnull, defpath = ".", "..", "/dev/null", ""
environ = {}
supports_bytes_environ = False
error = OSError
F_OK, R_OK, W_OK, X_OK = 0, 4, 2, 1
O_RDONLY, O_WRONLY, O_RDWR = 0, 1, 2
sys.modules["os.path"] = path


def getenv(key, default=None):
    return environ.get(key, default)


def fspath(value):
    if isinstance(value, (str, bytes)):
        return value
    return type(value).__fspath__(value)


def fsdecode(value):
    value = fspath(value)
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def fsencode(value):
    value = fspath(value)
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def getcwd():
    return "/"


def cpu_count():
    return 1


def getpid():
    return 1


def urandom(size):
    raise PermissionError("model code has no source of chance outside its seed")


def _nothing(*args, **kwargs):
    raise FileNotFoundError("model code sees no files")


def _never(*args, **kwargs):
    raise PermissionError("model code reaches neither files nor processes")


stat = lstat = scandir = readlink = access = _nothing
open = mkdir = makedirs = remove = unlink = rename = replace = rmdir = removedirs = chmod = _never
system = popen = execv = execve = spawnv = kill = putenv = unsetenv = symlink = link = _never
read = write = close = pipe = dup = dup2 = chdir = utime = truncate = _never


def listdir(path="."):
    return []


def walk(top, **options):
    return iter(())


class PathLike:
    """What has a path."""

    @classmethod
    def __subclasshook__(cls, subclass):
        return hasattr(subclass, "__fspath__")

    @classmethod
    def register(cls, subclass):
        """Whatever has a path is one already."""
        return subclass


class stat_result(tuple):
    """Named in type hints."""


class DirEntry:
    """Named in type hints."""


def __getattr__(name):
    raise AttributeError(f"model code has no os.{name}")
