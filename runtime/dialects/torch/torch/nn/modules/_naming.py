"""Finding the parts of a module by name."""


class Naming:
    """Walks over modules, parameters and buffers."""

    def named_children(self):
        seen = set()
        for name, it in self._modules.items():
            if it is not None and it not in seen:
                seen.add(it)
                yield name, it

    def children(self):
        for _, it in self.named_children():
            yield it

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, it in self._modules.items():
            if it is not None:
                yield from it.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self):
        for _, it in self.named_modules():
            yield it

    def _named_members(self, get, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) \
            if recurse else [(prefix, self)]
        for path, module in modules:
            for name, it in get(module):
                if it is None or it in seen:
                    continue
                if remove_duplicate:
                    seen.add(it)
                yield f"{path}.{name}" if path else name, it

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        return self._named_members(lambda it: it._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        for _, it in self.named_parameters(recurse=recurse):
            yield it

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        return self._named_members(lambda it: it._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        for _, it in self.named_buffers(recurse=recurse):
            yield it

    def get_submodule(self, target):
        module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                found = getattr(module, name, None)
                if not isinstance(found, Naming):
                    raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = found
        return module

    def set_submodule(self, target, module, strict=False):
        path, _, name = target.rpartition(".")
        setattr(self.get_submodule(path), name, module)

    def get_parameter(self, target):
        return self._part(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target):
        return self._part(target, "_buffers", "a buffer")

    def _part(self, target, kind, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in getattr(module, kind):
            raise AttributeError(f"`{name}` is not {what} of {type(module).__name__}")
        return getattr(module, kind)[name]
