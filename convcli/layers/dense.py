"""The dense layer: every output is a sum over all values."""

from convcli.layers.conv import Conv


class Dense(Conv):
    """A convolution with one weight for each map: a bank (N, C, 1, 1) over maps of one value."""

    name = "dense"
