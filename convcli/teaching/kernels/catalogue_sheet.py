"""The poster of the catalogue: every kernel that has a name, applied to the same picture."""

from collections.abc import Iterable

from matplotlib.figure import Figure

from convcli.images.image import Picture
from convcli.plotting.contact_sheet import SheetTile, draw_sheet
from convcli.teaching.kernels.catalogue_maps import CatalogueMap

_COLUMNS, _BOX = 10, 1.28  # inches: the built-in picture's pixels are three dots wide
_GREY = "Tiles without a bar of their own are pixels as apply writes them, cut at black and white. "
_VALUES = (
    "A bar beside a tile gives the values of its feature map: "
    "blue below zero, red above, or grey from the least to the greatest."
)


def draw_poster(picture: Picture, maps: Iterable[CatalogueMap]) -> Figure:
    """Draw a picture and what each kernel makes of it, group by group.

    Args:
        picture: (H, W) grey.
        maps: of :func:`convcli.teaching.kernels.catalogue_maps.catalogue_maps`.

    Returns:
        A figure that no pyplot knows; `convcli.plotting.saving.save_figure` writes it.
    """
    rows, columns = picture.size
    tiles = [
        SheetTile(
            each.name,
            each.values,
            each.white,
            each.about,
            centred=each.signed,
            group=each.group,
        )
        for each in maps
    ]
    title = f"{len(tiles)} kernels applied to one picture\n{_GREY * bool(picture.white)}{_VALUES}"
    original = SheetTile(
        "the picture", picture.pixels, picture.white, f"{columns}x{rows}", group="input"
    )
    return draw_sheet([original, *tiles], title=title, columns=_COLUMNS, box=_BOX)
