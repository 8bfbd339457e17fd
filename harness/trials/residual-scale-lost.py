"""Planted: each layer adds half of what it should to the stream, as where a residual multiplier is lost."""


def _plant(layer):
    sound = type(layer)

    def call(self, x, *args, **kwargs):
        output = sound.__call__(self, x, *args, **kwargs)
        first, *rest = output if isinstance(output, (tuple, list)) else (output,)
        halved = x + 0.5 * (first - x)
        return type(output)((halved, *rest)) if isinstance(output, (tuple, list)) else halved

    planted = type(sound.__name__, (sound,), {"__module__": sound.__module__, "__call__": call})
    object.__setattr__(layer, "__class__", planted)


_begin = Model.__init__


def _begin_planted(self, *args, **kwargs):
    _begin(self, *args, **kwargs)
    for layer in self.layers:
        _plant(layer)


Model.__init__ = _begin_planted
