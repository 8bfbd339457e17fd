"""Planted: the second layer reads its input normalised, as where a norm stands in front of a block that it
belongs behind."""


def _plant(layer):
    sound = type(layer)

    def call(self, x, *args, **kwargs):
        scale = mx.rsqrt(mx.mean(mx.square(x.astype(mx.float32)), axis=-1, keepdims=True) + 1e-6)
        return sound.__call__(self, (x * scale).astype(x.dtype), *args, **kwargs)

    planted = type(sound.__name__, (sound,), {"__module__": sound.__module__, "__call__": call})
    object.__setattr__(layer, "__class__", planted)


_begin = Model.__init__


def _begin_planted(self, *args, **kwargs):
    _begin(self, *args, **kwargs)
    _plant(self.layers[1])


Model.__init__ = _begin_planted
