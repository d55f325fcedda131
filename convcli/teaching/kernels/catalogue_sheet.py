"""The poster of the catalogue: every kernel that has a name, applied to the same image."""

from collections.abc import Iterable

from matplotlib.figure import Figure

from convcli.images.image import ImageData
from convcli.plotting.contact_sheet import SheetTile, draw_sheet
from convcli.teaching.kernels.catalogue_maps import CatalogueMap

_COLUMNS, _BOX = 10, 1.28  # inches: the built-in image's pixels are three dots wide
_GRAY = "Tiles without a bar of their own are pixels as apply writes them, cut at black and white. "
_VALUES = (
    "A bar beside a tile gives the values of its feature map: "
    "blue below zero, red above, or gray from the least to the greatest."
)


def draw_poster(image: ImageData, maps: Iterable[CatalogueMap]) -> Figure:
    """Draw an image and what each kernel makes of it, group by group.

    Args:
        image: (H, W) gray.
        maps: of :func:`convcli.teaching.kernels.catalogue_maps.catalogue_maps`.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.save.save_figure` writes it.
    """
    rows, columns = image.shape
    tiles = [
        SheetTile(
            each.name,
            each.values,
            each.max_value,
            each.about,
            centered=each.signed,
            group=each.group,
        )
        for each in maps
    ]
    title = f"{len(tiles)} kernels applied to one image\n{_GRAY * bool(image.max_value)}{_VALUES}"
    original = SheetTile(
        "the image", image.pixels, image.max_value, f"{columns}x{rows}", group="input"
    )
    return draw_sheet([original, *tiles], title=title, columns=_COLUMNS, box=_BOX)
