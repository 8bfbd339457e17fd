"""Errors of the Hub's client and of its strict dataclasses."""


class StrictDataclassError(Exception):
    """A strict dataclass was given what it does not take."""


class StrictDataclassDefinitionError(StrictDataclassError):
    """The class itself is wrong."""


class StrictDataclassFieldValidationError(StrictDataclassError):
    """One field's value is wrong."""

    def __init__(self, field, cause):
        super().__init__(f"Validation error for field '{field}':\n    {type(cause).__name__}: {cause}")


class StrictDataclassClassValidationError(StrictDataclassError):
    """The values do not go together."""

    def __init__(self, validator, cause):
        super().__init__(f"Class validation error for validator '{validator}':\n"
                         f"    {type(cause).__name__}: {cause}")


class HfHubHTTPError(OSError):
    """Never raised here."""


class EntryNotFoundError(HfHubHTTPError):
    """Never raised here."""


RepositoryNotFoundError = RevisionNotFoundError = LocalEntryNotFoundError = EntryNotFoundError
OfflineModeIsEnabled = HFValidationError = GatedRepoError = EntryNotFoundError
