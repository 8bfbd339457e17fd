"""Strict dataclasses: a class's own validators are run; types of fields are not checked."""

from dataclasses import MISSING, field, fields
from functools import wraps

from .errors import (
    StrictDataclassClassValidationError,
    StrictDataclassDefinitionError,
    StrictDataclassFieldValidationError,
)


def strict(cls=None, *, accept_kwargs=False):
    return (lambda it: _strict(it, accept_kwargs)) if cls is None else _strict(cls, accept_kwargs)


def _strict(cls, accept_kwargs):
    if not hasattr(cls, "__dataclass_fields__"):
        raise StrictDataclassDefinitionError(f"Class '{cls.__name__}' must be a dataclass before applying @strict.")
    cls.__validators__ = _field_validators(cls)
    if cls.__validators__ and "__strict_setattr__" not in cls.__dict__:
        _check_assignments(cls)
    if accept_kwargs:
        _take_more_arguments(cls)
    names = [it for it in dir(cls) if it.startswith("validate_")]
    validators = [it for it in (getattr(cls, name) for name in names) if callable(it)]

    def validate(self):
        for it in validators:
            try:
                it(self)
            except (ValueError, TypeError) as error:
                raise StrictDataclassClassValidationError(it.__name__, error) from error

    cls.__class_validators__ = validators
    cls.validate = validate
    first = cls.__init__

    @wraps(first)
    def __init__(self, *args, **kwargs):
        first(self, *args, **kwargs)
        validate(self)

    cls.__init__ = __init__
    return cls


def _field_validators(cls):
    found = {}
    for it in fields(cls):
        validator = it.metadata.get("validator")
        if validator is not None:
            found[it.name] = validator if isinstance(validator, list) else [validator]
    return found


def _check_assignments(cls):
    assign = cls.__setattr__

    def __strict_setattr__(self, name, value):
        for it in self.__validators__.get(name, ()):
            try:
                it(value)
            except (ValueError, TypeError) as error:
                raise StrictDataclassFieldValidationError(name, error) from error
        assign(self, name, value)

    cls.__strict_setattr__ = cls.__setattr__ = __strict_setattr__


def _take_more_arguments(cls):
    first = cls.__init__
    declared = [(it.name, it.default, it.default_factory) for it in fields(cls)]
    names = {it[0] for it in declared}

    @wraps(first)
    def __init__(self, *args, **kwargs):
        if args:
            raise ValueError(f"When `accept_kwargs=True`, {cls.__name__} accepts only keyword arguments, "
                             f"but found `{len(args)}` positional args.")
        for name, default, factory in declared:
            if name in kwargs:
                setattr(self, name, kwargs[name])
            elif default is not MISSING:
                setattr(self, name, default)
            elif factory is not MISSING:
                setattr(self, name, factory())
            else:
                raise TypeError(f"Missing required field - '{name}'")
        self.__post_init__(**{name: it for name, it in kwargs.items() if name not in names})

    cls.__init__ = __init__
    if not hasattr(cls, "__post_init__"):

        def __post_init__(self, **kwargs):
            for name, it in kwargs.items():
                setattr(self, name, it)

        cls.__post_init__ = __post_init__


def validated_field(validator, default=MISSING, default_factory=MISSING, metadata=None, **options):
    metadata = {**(metadata or {}), "validator": validator}
    if default is not MISSING:
        options["default"] = default
    if default_factory is not MISSING:
        options["default_factory"] = default_factory
    return field(metadata=metadata, **options)


def as_validated_field(validator):
    def make(default=MISSING, default_factory=MISSING, metadata=None, **options):
        return validated_field(validator, default, default_factory, metadata, **options)

    return make


def validate_typed_dict(schema, data):
    pass
