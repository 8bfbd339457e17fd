"""A module's tensors by name, out and in."""

from collections import OrderedDict, namedtuple

_Keys = namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])


class StateDict:
    """Saving and loading."""

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        destination = OrderedDict() if destination is None else destination
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, it in self._modules.items():
            if it is not None:
                it.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, it in self._parameters.items():
            if it is not None:
                destination[prefix + name] = it if keep_vars else it.detach()
        for name, it in self._buffers.items():
            if it is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = it if keep_vars else it.detach()

    def load_state_dict(self, state_dict, strict=True, assign=False):
        own = self.state_dict(keep_vars=True)
        missing = [it for it in own if it not in state_dict]
        unexpected = [it for it in state_dict if it not in own]
        for name, tensor in state_dict.items():
            if name in own:
                if tuple(own[name].shape) != tuple(tensor.shape):
                    raise RuntimeError(f"size mismatch for {name}: {tuple(tensor.shape)} in the "
                                       f"checkpoint, {tuple(own[name].shape)} in the model")
                own[name].set_data(tensor if assign else tensor.to(own[name].dtype).clone())
        if strict and (missing or unexpected):
            raise RuntimeError(f"missing keys: {missing}; unexpected keys: {unexpected}")
        return _Keys(missing, unexpected)
