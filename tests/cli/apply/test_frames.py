"""Animations and files of several pages."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image, ImageSequence

from convcli.images.png import write_png
from convcli.images.tiff_pages import write_pages

COMPRESSIONS = {
    "none": "raw",
    "lzw": "tiff_lzw",
    "deflate": "tiff_adobe_deflate",
    "packbits": "packbits",
    "zstd": "zstd",
    "lzma": "lzma",
}


def shades(count=3, size=(8, 6)):
    """Gray frames that differ in brightness, each with an edge."""
    frames = []
    for number in range(count):
        pixels = np.full(size, 20 + 40 * number, np.uint8)
        pixels[:, 4:] += 30
        frames.append(pixels)
    return frames


def animate(name, frames, **options):
    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save(name, save_all=True, append_images=rest, **options)


def frames_of(name):
    with Image.open(name) as image:
        durations, frames = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("L")))
            durations.append(frame.info.get("duration"))
    return frames, durations


@pytest.fixture
def moving(here):
    animate("in.gif", shades(), duration=[50, 70, 90], loop=0)
    animate("in.png", shades(), duration=[50, 70, 90], loop=0)
    animate("in.tif", shades())
    animate("in.webp", shades(), duration=[50, 70, 90], lossless=True)


@pytest.mark.parametrize("suffix", ["gif", "png", "tif", "webp"])
def test_the_first_frame_and_a_note_that_there_are_more(apply, moving, suffix):
    ran = apply("-k", "identity", f"in.{suffix}", "-o", "o.png")
    assert (ran.code, ran.out) == (0, b"o.png\n")
    assert (
        ran.err
        == f"in.{suffix}: only the first frame was read; apply --frames all filters every frame\n"
    )
    assert len(frames_of("o.png")[0]) == 1


@pytest.mark.parametrize(
    ("source", "target"), [("png", "png"), ("tif", "tif"), ("gif", "png"), ("png", "tif")]
)
def test_every_frame(apply, moving, by_scipy, to_pixels, source, target):
    ran = apply("-k", "blur", "--frames", "all", f"in.{source}", "-o", f"o.{target}")
    assert (ran.code, ran.err) == (0, "")
    frames, durations = frames_of(f"o.{target}")
    assert len(frames) == 3
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for before, after in zip(shades(), frames, strict=True):
        assert np.array_equal(after, to_pixels(by_scipy(before, kernel)))
    if "tif" not in (source, target):
        assert durations == [50, 70, 90]


def test_the_numbers_are_those_of_all_frames(apply, moving):
    flags = ("--frames", "all", "--bias", "-30", "--json")
    ran = apply("-k", "identity", *flags, "in.png", "-o", "o.png")
    values = np.array(shades()).astype(int) - 30
    record = json.loads(ran.out)
    assert (record["min"], record["max"]) == (values.min(), values.max())
    assert record["clipped"] == pytest.approx((values < 0).mean(), abs=1e-6)


def test_alike_frames_are_counted_and_described_once(apply, moving):
    ran = apply("-k", "identity", "--frames", "all", "in.png", "-o", "o.png", "--json", "-v")
    (line,) = ran.err.splitlines()
    assert line.startswith("in.png: identity: 3 frames (8-bit gray), 6x8 to 6x8, min 20, max 130, ")
    assert line.count("direct") == 1
    record = json.loads(ran.out)
    assert (record["frames"], record["type"]) == (3, "8-bit gray")
    assert (record["input_rows"], record["input_columns"], record["rows"]) == (8, 6, 8)
    assert not {"input_sizes", "sizes", "types", "methods", "has_others"} & set(record)


def test_the_record_of_an_image_counts_one_frame(apply, gray):
    record = json.loads(apply("-k", "blur", "gray.png", "-o", "o.png", "--json").out)
    assert record["frames"] == 1
    assert isinstance(record["method"], str)


def test_what_differs_between_pages_is_listed(apply, here):
    pages = [
        np.ones((5, 6), np.uint8),
        np.ones((5, 6), np.uint8),
        np.ones((7, 4), np.uint16),
        np.ones((7, 4, 3), np.uint8),
        np.ones((5, 6), np.float32),
    ]
    animate("in.tif", pages)
    flags = ("--frames", "all", "--padding", "valid")
    ran = apply("-k", "blur", *flags, "in.tif", "-o", "o.tif", "--json", "-v")
    record = json.loads(ran.out)
    assert record["frames"] == 5
    assert record["input_sizes"] == [[5, 6], [7, 4]]
    assert record["sizes"] == [[3, 4], [5, 2]]
    assert (record["input_rows"], record["columns"]) == (5, 4)
    assert record["types"] == ["8-bit gray", "16-bit gray", "8-bit RGB", "float32 gray"]
    assert record["method"] == record["methods"][0]
    assert len(set(record["methods"])) == len(record["methods"]) > 1
    (line,) = ran.err.splitlines()
    assert "5 frames (8-bit gray, 16-bit gray, 8-bit RGB, float32 gray), " in line
    assert "6x5 to 4x3, 4x7 to 2x5, min 1, max 1, " in line
    assert line.endswith("; ".join(record["methods"]))


def test_many_kinds_of_pages_are_listed_in_part(apply, here, monkeypatch):
    monkeypatch.setattr("convcli.frames.MOST_LISTED", 6)
    animate("in.tif", [np.ones((3, 1 + number), np.uint8) for number in range(8)])
    ran = apply("-k", "identity", "--frames", "all", "in.tif", "-o", "o.tif", "--json", "-v")
    record = json.loads(ran.out)
    assert (record["frames"], len(record["sizes"]), record["has_others"]) == (8, 6, True)
    assert "4x3 to 4x3, 5x3 to 5x3 and others, min " in ran.err


def test_nan_is_counted_over_all_frames(apply, here):
    pages = [np.full((20, 30), 300, np.float32) for _ in range(3)]
    pages[1][0, 0] = np.nan
    animate("one.tif", pages)
    pages[2][:] = pages[0][:] = np.nan
    animate("many.tif", pages)
    flags = ("-k", "identity", "--frames", "all")
    for name, note in [
        ("one", "1 NaN value of all feature maps became black"),
        ("many", "1,201 NaN values of all feature maps became black"),
    ]:
        ran = apply(*flags, f"{name}.tif", "-o", f"{name}.png", "-q", "--json")
        assert json.loads(ran.out)["clipped"] == pytest.approx(
            1 - (1 if name == "one" else 1201) / 1800, abs=1e-6
        )
        ran = apply(*flags, f"{name}.tif", "-o", f"{name}.gif")
        assert ran.err.splitlines()[-1] == f"{name}.tif: {note}"
    assert apply(*flags, "many.tif", "-o", "many-floats.tif").err == ""


def test_an_animated_gif_stays_one(apply, moving):
    assert apply("-k", "blur", "--frames", "all", "in.gif", "--out-dir", "out").code == 0
    frames, durations = frames_of("out/in_blur.gif")
    assert (len(frames), durations) == (3, [50, 70, 90])


@pytest.mark.parametrize("source", ["png", "tif"])
@pytest.mark.parametrize("scheme", COMPRESSIONS)
def test_every_page_gets_the_compression_that_is_asked_for(apply, moving, source, scheme):
    flags = ("--frames", "all", "--compression", scheme)
    assert apply("-k", "identity", *flags, f"in.{source}", "-o", "o.tif").code == 0
    with Image.open("o.tif") as im:
        found = [page.info["compression"] for page in ImageSequence.Iterator(im)]
    assert found == [COMPRESSIONS[scheme]] * 3
    assert all(map(np.array_equal, frames_of("o.tif")[0], shades()))


@pytest.mark.parametrize("flags", [(), ("--range", "raw"), ("--range", "rescale")])
def test_every_page_keeps_the_compression_of_its_own(apply, here, flags):
    own = ["tiff_lzw", "raw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"]
    pages = []
    for compression in own:
        file = io.BytesIO()
        Image.fromarray(shades(1)[0]).save(file, "TIFF", compression=compression)
        pages.append(file.getvalue())
    with (here / "in.tif").open("wb") as several:
        write_pages(several, pages)
    assert apply("-k", "identity", "--frames", "all", *flags, "in.tif", "-o", "o.tif").code == 0
    with Image.open("o.tif") as im:
        assert [page.info["compression"] for page in ImageSequence.Iterator(im)] == own


@pytest.mark.parametrize(
    ("source", "flags"), [("webp", ()), ("png", ("--lossless",)), ("webp", ("--lossless",))]
)
def test_every_frame_of_a_webp_is_lossless(apply, here, source, flags):
    rng = np.random.default_rng(6)
    frames = [rng.integers(0, 256, (9, 7, 4), np.uint8) for _ in range(3)]
    for frame in frames:
        frame[:3, :3, 3] = 0  # transparent pixels keep their colors
    frames.append(frames[-1].copy())
    frames[-1][2:5, 3] ^= 255  # a frame of which a box is stored
    lossless = {"lossless": True, "exact": True} if source == "webp" else {}
    animate(f"in.{source}", frames, duration=50, **lossless)
    flags = ("--frames", "all", *flags)
    assert apply("-k", "identity", *flags, f"in.{source}", "-o", "o.webp").code == 0
    assert image_chunks((here / "o.webp").read_bytes()) == [b"VP8L"] * 4
    with Image.open(f"in.{source}") as im, Image.open("o.webp") as result:
        for number in range(4):
            im.seek(number)
            result.seek(number)
            assert np.array_equal(im.convert("RGBA"), result.convert("RGBA"))


def image_chunks(webp):
    """The kinds of the images in the frames of a WebP, whose chunks are walked through."""
    found, place = [], 12
    while place < len(webp):
        name, length = struct.unpack_from("<4sI", webp, place)
        if name in (b"VP8 ", b"VP8L"):
            found.append(name)
        place += 8 + (16 if name == b"ANMF" else length + length % 2)
    return found


def test_a_format_of_one_frame_refuses_several(apply, moving, here):
    ran = apply("-k", "blur", "--frames", "all", "in.gif", "-o", "o.jpg")
    ran.fails(1, "in.gif: ", ".jpg holds a single frame; use")
    ran = apply("-k", "blur", "--frames", "all", "in.gif", "--range", "raw", "--out-dir", "out")
    ran.fails(1, "in.gif: .npy holds a single frame of plain numbers; use .tif with")
    assert not (here / "o.jpg").exists()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_rescale_gives_all_frames_one_scale(apply, moving, suffix):
    ran = apply(
        *("-k", "identity", "--frames", "all", "--range", "rescale"),
        *(f"in.{suffix}", "-o", f"o.{suffix}"),
    )
    assert ran.code == 0, ran
    before = np.array(shades(), float)
    expected = (before - before.min()) / (before.max() - before.min()) * 255
    after = np.array(frames_of(f"o.{suffix}")[0])
    assert np.abs(after - expected).max() <= 0.5
    assert (after.min(), after.max()) == (0, 255)


@pytest.mark.processes
def test_rescale_of_a_pipe_reads_it_once(process, moving, here):
    data = (here / "in.png").read_bytes()
    ran = process(
        *("apply", "-k", "identity", "--frames", "all", "--range", "rescale"),
        *("/dev/stdin", "-o", "o.png"),
        stdin=data,
    )
    assert ran.code == 0, ran
    assert len(frames_of("o.png")[0]) == 3


def test_several_kernels_over_every_frame_of_standard_input(apply, moving, here):
    data = (here / "in.png").read_bytes()
    ran = apply(
        *("-k", "blur", "-k", "identity", "--frames", "all", "-", "--out-dir", "out"), stdin=data
    )
    assert ran.names == ["out/stdin_blur.png", "out/stdin_identity.png"]
    assert all(len(frames_of(name)[0]) == 3 for name in ran.names)


def test_pages_of_different_sizes(apply, here):
    animate("in.tif", [np.zeros((5, 6), np.uint8), np.ones((7, 4), np.uint8)])
    assert apply("-k", "blur", "--frames", "all", "in.tif", "-o", "o.tif").code == 0
    assert [frame.shape for frame in frames_of("o.tif")[0]] == [(5, 6), (7, 4)]
    ran = apply("-k", "blur", "--frames", "all", "in.tif", "-o", "o.gif")
    ran.fails(1, "in.tif: ", "differ in size")


def test_a_file_of_one_frame_is_not_an_animation(apply, gray, here):
    assert apply("-k", "blur", "--frames", "all", "gray.png", "-o", "a.png").code == 0
    assert apply("-k", "blur", "gray.png", "-o", "b.png").code == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


@pytest.mark.parametrize("flags", [[], ["--range", "rescale"]])
def test_the_memory_limit_holds_for_every_page(apply, here, flags):
    animate("in.tif", [np.zeros((9, 9), np.uint8), np.zeros((900, 900), np.uint8)])
    arguments = ("-k", "blur", "--frames", "all", *flags, "in.tif", "-o", "o.tif")
    more = ("--padding", "1500", "--max-memory", "55M")
    ran = apply(*arguments, *more)
    ran.fails(1, "in.tif: ", "--max-memory")
    assert not (here / "o.tif").exists()
    assert apply(*arguments, *more[2:]).code == 0


def test_notes_on_the_first_frame_are_told(apply, here):
    with (here / "deep.png").open("wb") as file:
        write_png(file, np.full((4, 5, 3), 7000, np.uint16))
    ran = apply("-k", "identity", "--frames", "all", "deep.png", "-o", "o.png")
    assert "16-bit color was read as 8-bit" in ran.err


def test_a_gif_over_nothing_is_cleared_between_frames(apply, here):
    bars = []
    for number in range(6):
        bar = np.zeros((30, 60, 4), np.uint8)
        bar[:, 9 * number : 9 * number + 6] = 200, 40 * number, 10, 255
        bars.append(bar)
    animate("in.png", bars, duration=80, loop=0, disposal=1)
    assert apply("-k", "identity", "--frames", "all", "in.png", "-o", "o.gif").err == ""
    assert apply("-k", "identity", "--frames", "all", "o.gif", "-o", "back.gif").err == ""
    for name in ("o.gif", "back.gif"):
        with Image.open(name) as image:
            for frame, bar in zip(ImageSequence.Iterator(image), bars, strict=True):
                assert np.array_equal(frame.convert("RGBA"), bar)


def test_frames_that_break_off_leave_nothing(apply, moving, here):
    whole = (here / "in.tif").read_bytes()
    animate(
        "big.gif", [np.random.default_rng(n).integers(0, 256, (40, 40), np.uint8) for n in range(3)]
    )
    cut = (here / "big.gif").read_bytes()
    (here / "cut.gif").write_bytes(cut[: len(cut) * 2 // 3])
    ran = apply("-k", "blur", "--frames", "all", "cut.gif", "-o", "o.gif")
    ran.fails(1, "cut.gif: ")
    assert not (here / "o.gif").exists()
    assert (here / "in.tif").read_bytes() == whole
