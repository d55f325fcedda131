"""--plot and --show."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def drawn(name, form="PNG"):
    with Image.open(name) as image:
        image.load()
        assert image.format == form
        assert image.width > 500
        assert len(np.unique(np.asarray(image.convert("L")))) > 20


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


def test_a_figure_in_place_of_the_image(apply, gray, contents):
    assert ok(apply("-k", "outline", "gray.png", "--plot", "p.png")).names == ["p.png"]
    drawn("p.png")
    assert sorted(contents()) == [b"gray.png", b"p.png"]


@pytest.mark.parametrize("flags", [["-o", "o.png"], ["--out-dir", "out"]])
def test_a_figure_beside_the_image(apply, gray, load, flags):
    ran = ok(apply("-k", "outline", "gray.png", "--plot", "p.png", *flags))
    image, figure = ran.names
    assert figure == "p.png"
    drawn(figure)
    assert load(image).shape == gray.shape


def test_a_figure_beside_an_image_on_stdout(apply, gray, here):
    """Its name does not follow the image."""
    ran = ok(apply("-k", "outline", "gray.png", "--plot", "p.png", "-o", "-"))
    assert ran.out.startswith(b"\x89PNG")
    assert ran.out.endswith(b"IEND\xaeB`\x82")
    drawn("p.png")


def test_several_inputs_make_a_folder_of_figures(apply, gray, photo):
    ran = ok(apply("-k", "outline", "gray.png", "photo.png", "--plot", "plots"))
    assert ran.names == ["plots/gray_outline.png", "plots/photo_outline.png"]
    for name in ran.names:
        drawn(name)


def test_several_kernels_make_one_figure(apply, gray, here):
    ran = ok(apply("-k", "outline", "-k", "sobel", "gray.png", "--plot", "p.jpg"))
    assert ran.names == ["p.jpg"]
    drawn("p.jpg", "JPEG")


def test_a_figure_is_not_overwritten_without_overwrite(apply, gray, here):
    (here / "p.png").write_bytes(b"mine")
    apply("-k", "outline", "gray.png", "--plot", "p.png").fails(2, "p.png", "--overwrite")
    assert (here / "p.png").read_bytes() == b"mine"
    ok(apply("-k", "outline", "gray.png", "--plot", "p.png", "--overwrite"))
    drawn("p.png")
    before = (here / "p.png").stat().st_mtime_ns
    ok(apply("-k", "outline", "gray.png", "--plot", "p.png", "--skip-existing"))
    assert (here / "p.png").stat().st_mtime_ns == before


def test_a_figure_and_an_image_of_one_name_are_refused(apply, gray, contents):
    before = contents()
    apply("-k", "outline", "gray.png", "--plot", "o.png", "-o", "o.png").fails(2, "o.png")
    apply("-k", "outline", "gray.png", "--plot", "gray.png").fails(2, "gray.png", "--overwrite")
    assert contents() == before


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((4, 5), np.nan),
        np.array([[-1e300, 1e300], [0, 5]]),
        np.full((3, 3), 7),
    ],
)
def test_odd_images_can_be_drawn(apply, save, pixels):
    save("in.npy", pixels)
    ok(apply("-k", "outline", "in.npy", "--plot", "p.png"))
    with Image.open("p.png") as image:
        assert image.width > 500


def test_a_figure_has_the_same_bytes_each_time(apply, photo, here):
    for name in ("a.png", "b.png"):
        ok(apply("-k", "sobel", "photo.png", "--plot", name))
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_there_is_no_window_without_a_display(apply, gray, monkeypatch, contents):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    before = contents()
    apply("-k", "outline", "gray.png", "--show").fails(2, "display", "--plot")
    apply("-k", "outline", "gray.png", "--show", "-o", "o.png").fails(2, "display")
    assert contents() == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--theme", "dark"), ("--panels", "input"), ("--width", "5"), ("--no-axes", None)],
)
def test_an_option_of_figures_without_a_figure_is_refused(apply, gray, option, value):
    ran = apply("-k", "blur", "gray.png", option, *filter(None, [value]))
    assert (ran.code, ran.names) == (2, [])
    assert f"Error: {option} is for figures; draw one with --plot FILE" in ran.err


def test_a_theme_of_the_environment_needs_no_figure(apply, gray, monkeypatch):
    monkeypatch.setenv("CONVCLI_APPLY_THEME", "dark")
    assert apply("-k", "blur", "gray.png").code == 0


def test_an_unknown_panel_lists_them(apply, gray):
    ran = apply("-k", "blur", "gray.png", "--plot", "p.png", "--panels", "input,inptu")
    assert ran.code == 2
    assert "'inptu' is no panel; the panels are input, kernel, result, padded" in ran.err


def test_an_unknown_colormap_is_refused_before_anything_is_read(apply):
    ran = apply("-k", "blur", "missing.png", "--plot", "p.png", "--cmap", "virids")
    assert ran.code == 2
    assert "cmap: matplotlib has no colormap 'virids'; do you mean viridis" in ran.err


def test_width_and_dpi_give_the_pixels(apply, gray):
    options = ("--plot", "p.png", "--width", "5", "--dpi", "60")
    assert apply("-k", "blur", "gray.png", *options).code == 0
    with Image.open("p.png") as figure:
        assert figure.width == 300


def test_text_in_svg_stays_text(apply, gray):
    assert apply("-k", "blur", "gray.png", "--plot", "p.svg").code == 0
    assert Path("p.svg").read_text().count("<text") > 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--plot", "p.png", "--titles", "a,b"],
            "--titles: 3 needed, one for each panel",
        ),
        (
            ["--grid", "p.png", "--titles", "a,b"],
            "--titles: 1 needed, one for each tile",
        ),
        (["--plot", "p.png", "--panels", "products"], "convcli explain --at draws them"),
        (["--plot", "p.png", "--panels", "input,result,input"], "'input' is named twice"),
    ],
)
def test_panels_and_titles_are_checked_before_anything_is_written(
    apply, gray, contents, options, said
):
    before = contents()
    apply("-k", "outline", "gray.png", *options).fails(2, said)
    assert contents() == before
