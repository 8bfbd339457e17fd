"""Which fields of its config a definition has read."""

_READ = "_portwright_fields_read"


def watch(cls):
    """Notes every public field that is read of a config class's instances from now on."""
    if _READ in cls.__dict__:
        return
    setattr(cls, _READ, set())
    before = cls.__getattribute__

    def __getattribute__(self, name):
        if name[0] != "_":
            own = before(self, "__dict__")
            if name in own:
                type(self).__dict__.get(_READ, getattr(cls, _READ)).add(name)
        return before(self, name)

    cls.__getattribute__ = __getattribute__


def fields_read(config):
    return set(getattr(type(config), _READ, ()))


def fields_of(config):
    return {it for it in config.__dict__ if not it.startswith("_")}
