"""As the package itself."""


def load_file(*args, **kwargs):
    raise PermissionError("model code opens no checkpoints")


save_file = load = save = load_file


def storage_ptr(tensor):
    return tensor.untyped_storage().data_ptr()


def storage_size(tensor):
    return tensor.untyped_storage().nbytes()
