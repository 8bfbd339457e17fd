"""Functions that are called around a module's forward."""

import itertools

_numbers = itertools.count()


class Handle:
    """Takes a hook away again."""

    def __init__(self, hooks):
        self.hooks, self.id = hooks, next(_numbers)

    def remove(self):
        self.hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


class Hooks:
    """The hooks of one module."""

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        return _add(self._forward_hooks, hook, prepend, with_kwargs)

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        return _add(self._forward_pre_hooks, hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook, prepend=False):
        return Handle({})

    register_full_backward_pre_hook = register_backward_hook = register_full_backward_hook

    def register_state_dict_pre_hook(self, hook):
        return Handle({})

    register_load_state_dict_pre_hook = register_load_state_dict_post_hook = register_state_dict_pre_hook
    _register_load_state_dict_pre_hook = _register_state_dict_hook = register_state_dict_pre_hook

    def _call_with_hooks(self, args, kwargs):
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            if with_kwargs:
                result = hook(self, args, kwargs)
                if result is not None:
                    args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
        output = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            result = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            if result is not None:
                output = result
        return output


def _add(hooks, hook, prepend, with_kwargs):
    handle = Handle(hooks)
    if prepend:
        later = list(hooks.items())
        hooks.clear()
        hooks[handle.id] = (hook, with_kwargs)
        hooks.update(later)
    else:
        hooks[handle.id] = (hook, with_kwargs)
    return handle
