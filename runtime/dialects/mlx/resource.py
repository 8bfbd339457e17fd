"""The limits of the process, which a port does not change."""

RLIMIT_NOFILE = 7
RUSAGE_SELF = 0


def setrlimit(resource, limits):
    """The machine has limits of its own; this asks for open files, of which there are none."""


def __getattr__(name):
    raise AttributeError(f"a port has no resource.{name}")
