"""Which fields of its config a definition has read."""

_READ = "_portwright_fields_read"


def _parts(config):
    """A config and its sub-configs, each under its path."""
    yield "", config
    for name in config.sub_configs:
        part = config.__dict__.get(name)
        if part is not None and part is not config:
            for path, it in _parts(part):
                yield f"{name}.{path}", it


def watch(config):
    """Notes every public field that is read of a config and its parts from now on."""
    for _, it in _parts(config):
        _watch_class(type(it))
        it.__dict__[_READ] = set()


def _watch_class(cls):
    if "_portwright_watched" in cls.__dict__:
        return
    cls._portwright_watched = True
    before = cls.__getattribute__

    def __getattribute__(self, name):
        if name[0] != "_":
            own = object.__getattribute__(self, "__dict__")
            if name in own and _READ in own:
                own[_READ].add(name)
        return before(self, name)

    cls.__getattribute__ = __getattribute__


def fields_read(config):
    """The fields that were read, by their paths."""
    return {path + it for path, part in _parts(config) for it in part.__dict__.get(_READ, ())}


def fields_of(config):
    """All public fields, by their paths."""
    return {path + it for path, part in _parts(config) for it in part.__dict__ if it[0] != "_"}
