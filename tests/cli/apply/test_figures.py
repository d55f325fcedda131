"""--plot and --show."""

import numpy as np
import pytest
from PIL import Image


def drawn(name, form="PNG"):
    with Image.open(name) as picture:
        picture.load()
        assert picture.format == form
        assert picture.width > 500
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


def test_a_figure_in_place_of_the_picture(apply, grey, contents):
    assert ok(apply("-k", "outline", "grey.png", "--plot", "p.png")).names == ["p.png"]
    drawn("p.png")
    assert sorted(contents()) == [b"grey.png", b"p.png"]


@pytest.mark.parametrize("flags", [["-o", "o.png"], ["--out-dir", "out"]])
def test_a_figure_beside_the_picture(apply, grey, load, flags):
    ran = ok(apply("-k", "outline", "grey.png", "--plot", "p.png", *flags))
    picture, figure = ran.names
    assert figure == "p.png"
    drawn(figure)
    assert load(picture).shape == grey.shape


def test_a_figure_beside_a_picture_on_stdout(apply, grey, here):
    ran = ok(apply("-k", "outline", "grey.png", "--plot", "p.png", "-o", "-", "-q"))
    assert ran.out.startswith(b"\x89PNG")
    assert ran.out.endswith(b"IEND\xaeB`\x82")
    drawn("p.png")


def test_the_name_of_a_figure_does_not_follow_a_picture_on_stdout(apply, grey, here):
    ran = ok(apply("-k", "outline", "grey.png", "--plot", "p.png", "-o", "-"))
    assert ran.out.endswith(b"IEND\xaeB`\x82")


def test_several_inputs_make_a_folder_of_figures(apply, grey, photo):
    ran = ok(apply("-k", "outline", "grey.png", "photo.png", "--plot", "plots"))
    assert ran.names == ["plots/grey_outline.png", "plots/photo_outline.png"]
    for name in ran.names:
        drawn(name)


def test_several_kernels_make_one_figure(apply, grey, here):
    ran = ok(apply("-k", "outline", "-k", "sobel", "grey.png", "--plot", "p.jpg"))
    assert ran.names == ["p.jpg"]
    drawn("p.jpg", "JPEG")


def test_a_figure_is_not_overwritten_unasked(apply, grey, here):
    (here / "p.png").write_bytes(b"mine")
    apply("-k", "outline", "grey.png", "--plot", "p.png").fails(1, "p.png", "--overwrite")
    assert (here / "p.png").read_bytes() == b"mine"
    ok(apply("-k", "outline", "grey.png", "--plot", "p.png", "--overwrite"))
    drawn("p.png")


def test_a_figure_and_a_picture_of_one_name_are_refused(apply, grey, contents):
    before = contents()
    apply("-k", "outline", "grey.png", "--plot", "o.png", "-o", "o.png").fails(2, "o.png")
    apply("-k", "outline", "grey.png", "--plot", "grey.png").fails(1, "grey.png", "--overwrite")
    assert contents() == before


def test_skip_existing_leaves_figures_too(apply, grey, here):
    ok(apply("-k", "outline", "grey.png", "--plot", "p.png"))
    before = (here / "p.png").stat().st_mtime_ns
    ok(apply("-k", "outline", "grey.png", "--plot", "p.png", "--skip-existing"))
    assert (here / "p.png").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 1), np.uint8),
        np.full((4, 5), np.nan),
        np.array([[-1e300, 1e300], [0, 5]]),
        np.full((3, 3), 7),
        np.zeros((5, 5, 3), np.uint16),
    ],
)
def test_odd_pictures_can_be_drawn(apply, save, pixels):
    save("in.npy", pixels)
    ok(apply("-k", "outline", "in.npy", "--plot", "p.png"))
    with Image.open("p.png") as picture:
        assert picture.width > 500


def test_a_figure_has_the_same_bytes_each_time(apply, photo, here):
    for name in ("a.png", "b.png"):
        ok(apply("-k", "sobel", "photo.png", "--plot", name))
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_there_is_no_window_without_a_display(apply, grey, monkeypatch, contents):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    before = contents()
    apply("-k", "outline", "grey.png", "--show").fails(2, "display", "--plot")
    apply("-k", "outline", "grey.png", "--show", "-o", "o.png").fails(2, "display")
    assert contents() == before
