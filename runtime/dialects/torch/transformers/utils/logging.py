"""Loggers that keep quiet below an error."""

# The standard library's levels; the library itself is slow to import and nothing here needs it.
CRITICAL = FATAL = 50
ERROR, WARNING, INFO, DEBUG, NOTSET = 40, 30, 20, 10, 0
WARN = WARNING

_loggers = {}


class _Logger:
    level = ERROR

    def __init__(self, name):
        self.name = name

    def _quiet(self, *args, **kwargs):
        pass

    debug = info = warning = warn = warning_once = info_once = warning_advice = _quiet
    setLevel = addHandler = removeHandler = log = _quiet

    def error(self, message, *args, **kwargs):
        print(f"{self.name}: {message % args if args else message}")

    exception = critical = error

    def isEnabledFor(self, level):
        return level >= ERROR

    def getEffectiveLevel(self):
        return ERROR


def get_logger(name=None):
    return _loggers.setdefault(name, _Logger(name or "transformers"))


def get_verbosity():
    return ERROR


def _nothing(*args, **kwargs):
    pass


set_verbosity = set_verbosity_info = set_verbosity_warning = set_verbosity_error = _nothing
set_verbosity_debug = enable_progress_bar = disable_progress_bar = captureWarnings = _nothing
enable_default_handler = disable_default_handler = enable_propagation = disable_propagation = _nothing


def is_progress_bar_enabled():
    return False


def tqdm(iterable=None, *args, **kwargs):
    return iterable
