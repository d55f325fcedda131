"""What the channels of a picture, or of a kernel over them, are called."""

_COLOURS = ("red", "green", "blue")


def channel_names(channels: int, depth: int | None) -> list[str]:
    """Return the colours where three channels are a picture's; an array's have numbers.

    Args:
        channels: how many.
        depth: bits of the pixels; None for plain numbers, which have no colours.

    >>> channel_names(3, 8), channel_names(2, None)
    (['red', 'green', 'blue'], ['channel 0', 'channel 1'])
    """
    if channels == len(_COLOURS) and depth is not None:
        return list(_COLOURS)
    return [f"channel {channel}" for channel in range(channels)]
