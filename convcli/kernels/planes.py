"""What the planes of a kernel over channels, or of a bank, are called."""


def plane_names(planes: tuple[int, ...]) -> list[str]:
    """Return the name of each plane: three channels by their colors, others counted from 1.

    Args:
        planes: the leading axes of the matrix: none, (C,) or (N, C).

    >>> plane_names((3,)), plane_names((2, 1)), plane_names(())
    (['red', 'green', 'blue'], ['filter 1, channel 1', 'filter 2, channel 1'], [''])
    """
    if not planes:
        return [""]
    *filters, channels = planes
    colors = ["red", "green", "blue"]
    names = colors if channels == 3 else [f"channel {n}" for n in range(1, channels + 1)]
    numbers = [f"filter {n}, " for n in range(1, filters[0] + 1)] if filters else [""]
    return [f"{number}{name}" for number in numbers for name in names]
