"""The modules, a file for each family as in PyTorch."""

from . import activation, batchnorm, container, conv, linear, loss, module, normalization, rnn, sparse
from .activation import *  # noqa: F403
from .attention import MultiheadAttention
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d
from .dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d
from .linear import Bilinear, Identity, Linear
from .loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from .module import Module
from .normalization import GroupNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm, RMSNorm
from .pooling import (
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d,
)
from .padding import ConstantPad1d, ReflectionPad1d, ReflectionPad2d, ZeroPad2d
from .reshaping import Flatten, PixelShuffle, Unflatten, Unfold, Upsample
from .rnn import GRU, LSTM
from .sparse import Embedding, EmbeddingBag
