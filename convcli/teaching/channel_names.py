"""What the channels of an image, or of a kernel over them, are called."""

_COLORS = ("red", "green", "blue")


def channel_names(channels: int, depth: int | None) -> list[str]:
    """Return the colors where three channels are an image's; an array's have numbers.

    Args:
        channels: how many.
        depth: bits of the pixels; None for plain numbers, which have no colors.

    >>> channel_names(3, 8), channel_names(2, None)
    (['red', 'green', 'blue'], ['channel 0', 'channel 1'])
    """
    if channels == len(_COLORS) and depth is not None:
        return list(_COLORS)
    return [f"channel {channel}" for channel in range(channels)]
