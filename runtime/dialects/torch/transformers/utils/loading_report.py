"""What came of loading a checkpoint."""


class LoadStateDictInfo:
    """Names of tensors that did not find each other."""

    def __init__(self, missing_keys, unexpected_keys, mismatched_keys, error_msgs=None,
                 conversion_errors=None, skipped_pp_keys=None, **more):
        self.missing_keys = missing_keys
        self.unexpected_keys = unexpected_keys
        self.mismatched_keys = mismatched_keys
        self.error_msgs = error_msgs if error_msgs is not None else []
        self.conversion_errors = conversion_errors if conversion_errors is not None else {}
        self.skipped_pp_keys = skipped_pp_keys if skipped_pp_keys is not None else set()
        self.__dict__.update(more)

    def missing_and_mismatched(self):
        return self.missing_keys | {it[0] for it in self.mismatched_keys}


def log_state_dict_report(*args, **kwargs):
    pass
