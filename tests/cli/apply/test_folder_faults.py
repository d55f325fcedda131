"""Folders with damaged and other files: each error names its file and fails that image only."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

ORIENTATION = 0x0112
pytestmark = pytest.mark.processes
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def ok(ran):
    assert (ran.code, ran.err) == (0, ""), ran
    return ran


def made(folder):
    """The names in a folder; a temporary left behind is among them."""
    return sorted(path.name for path in Path(folder).iterdir())


def store(name, image, **options):
    """Write an image in the mode that it has."""
    Path(name).parent.mkdir(exist_ok=True)
    image.save(name, **options)


def turned(upright, orientation):
    """The image that a viewer turns back into ``upright``."""
    image = Image.fromarray(upright)
    for other in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = other
        stored = ImageOps.exif_transpose(with_tag(image, exif))
        exif[ORIENTATION] = orientation
        if np.array_equal(ImageOps.exif_transpose(with_tag(stored, exif)), upright):
            return stored, exif
    raise AssertionError(orientation)


def with_tag(image, exif):
    tagged = image.copy()
    tagged.getexif()[ORIENTATION] = exif[ORIENTATION]
    return tagged


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_eight_orientations_are_eight_upright_images(process, load, suffix):
    rows, columns = np.mgrid[:24, :36].astype(np.uint8)
    upright = np.dstack([7 * columns, 10 * rows, 3 * (rows + columns)])
    for orientation in range(1, 9):
        stored, exif = turned(upright, orientation)
        store(f"in/{orientation}.{suffix}", stored, exif=exif)
    ok(process("apply", "-k", "identity", "in", "--out-dir", "out"))
    assert len(made("out")) == 8
    for name in made("out"):
        with Image.open(f"out/{name}") as image:
            assert image.getexif().get(ORIENTATION, 1) == 1
        allowed = 0 if suffix == "png" else 24  # a JPEG of a JPEG
        assert load(f"out/{name}").shape == upright.shape
        assert np.abs(load(f"out/{name}").astype(int) - upright).max() <= allowed


def test_one_truncated_jpeg_among_a_hundred(process, save, rng):
    for number in range(100):
        save(f"in/{number:02}.jpg", rng.integers(0, 256, (24, 32, 3), np.uint8))
    broken = Path("in/50.jpg")
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    ran = process("apply", "-k", "outline", "in", "--out-dir", "out")
    assert (ran.code, len(ran.names)) == (1, 99)
    error, last = ran.err.splitlines()
    assert error.startswith("Error: in/50.jpg: is truncated or damaged")
    assert last == "99 of 100 done, 1 failed"
    assert made("out") == [f"{number:02}_outline.jpg" for number in range(100) if number != 50]


def test_other_files_in_a_folder(process, save):
    save("in/good.png", np.eye(9, dtype=np.uint8))
    save("x.png", np.eye(9, dtype=np.uint8)).rename("in/misnamed.jpg")
    Path("in/folder.png").mkdir()
    for name, content in {
        "page.jpg": "<html></html>",
        "post.png": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "zero.png": "",
        "notes.txt": "1 2\n",
        "Thumbs.db": "-",
        ".hidden.png": "-",
    }.items():
        Path("in", name).write_text(content)
    ran = process("apply", "-k", "outline", "in", "--out-dir", "out")
    assert (ran.code, ran.names) == (1, ["out/good_outline.png", "out/misnamed_outline.jpg"])
    assert ran.err.splitlines() == [
        "Error: in/page.jpg: is not an image that can be read",
        "Error: in/post.png: is not an image that can be read",
        "Error: in/zero.png: is empty",
        "2 of 5 done, 3 failed, 2 other files skipped",
    ]
    with Image.open("out/misnamed_outline.jpg") as image:
        assert image.format == "JPEG"


def palette(indices):
    """An image whose palette is darker where its index is higher."""
    image = Image.fromarray(indices).convert("P")
    image.putpalette([255, 0, 0, 0, 200, 0, 0, 0, 99, 9, 9, 9])
    return image


def test_indices_of_a_palette_are_never_filtered(process, load, rng, by_scipy, to_pixels):
    colors = palette(rng.integers(0, 4, (20, 30), np.uint8))
    for suffix in ("png", "gif", "bmp", "tif"):
        store(f"in/{suffix}.{suffix}", colors)
    ok(process("apply", "-k", "box:3", "in", "--out-dir", "out", "--format", "png"))
    expected = to_pixels(by_scipy(np.array(colors.convert("RGB")), np.full((3, 3), 1 / 9)))
    for suffix in ("png", "gif", "bmp", "tif"):
        assert np.array_equal(load(f"out/{suffix}_box-3.png"), expected)


def test_alpha_and_palettes_become_jpeg(process, save, rng):
    patches = rng.integers(0, 4, (3, 4), np.uint8)
    colors = palette(np.kron(patches, np.ones((16, 16), np.uint8)))
    save("in/a.png", rng.integers(0, 256, (20, 30, 4), np.uint8))
    store("in/b.png", colors)
    store("in/c.png", colors, transparency=2)
    ran = process("apply", "-k", "identity", "in", "--out-dir", "out", "--format", "jpeg")
    assert (ran.code, ran.err.splitlines()) == (
        0,
        [f"in/{name}.png: alpha left out: .jpg holds none" for name in "ac"],
    )
    with Image.open("out/b_identity.jpg") as image:
        assert image.mode == "RGB"
        assert np.abs(np.array(image).astype(int) - colors.convert("RGB")).mean() < 5


def test_identity_is_exact_in_16_bits(process, save, load, rng):
    pixels = rng.integers(0, 65536, (40, 50), np.uint16)
    inputs = ("a.png", "b.tif", "c.pgm", "d.npy")
    for name in inputs:
        save(name, pixels)
    ok(process("apply", "-k", "identity", *inputs, "--out-dir", "out"))
    assert len(made("out")) == 4
    for name in made("out"):
        assert np.array_equal(load(f"out/{name}"), pixels)


def test_rare_kinds_of_images(process, load, rng):
    for mode in ("CMYK", "LAB", "YCbCr", "PA"):
        image = Image.new(mode, (20, 10))
        image.frombytes(rng.bytes(len(image.tobytes())))
        if mode == "PA":
            image.putpalette(rng.bytes(768))
        store(f"in/{mode}.tif", image)
    page = Image.fromarray(rng.integers(0, 256, (5, 6), np.uint8))
    store("in/pages.tif", page, save_all=True, append_images=[page, page])
    ran = process("apply", "-k", "identity", "in", "--out-dir", "out")
    note = "in/pages.tif: only the first frame was read; apply --frames all filters every frame\n"
    assert (ran.code, ran.err, len(ran.names)) == (0, note, 5)
    for mode in ("CMYK", "LAB", "YCbCr", "PA"):
        with Image.open(f"in/{mode}.tif") as image:
            assert image.mode == mode
            expected = image.convert("RGBA" if mode == "PA" else "RGB")
        assert np.array_equal(load(f"out/{mode}_identity.tif"), expected)


def test_images_smaller_than_the_kernel(process, save, load):
    save("in/a.png", np.full((2, 3), 7, np.uint8))
    save("in/b.png", np.full((30, 40), 7, np.uint8))
    ran = process("apply", "-k", "box:5", "in", "--out-dir", "out", "--padding", "valid")
    assert (ran.code, ran.names) == (1, ["out/b_box-5.png"])
    assert ran.errors == ["Error: in/a.png: kernel 5x5 exceeds the 3x2 input"]
    ok(process("apply", "-k", "box:5", "in", "--out-dir", "same"))
    assert np.array_equal(load("same/a_box-5.png"), np.full((2, 3), 7))


def test_float_images_with_nan(process, save, load):
    values = np.full((5, 5), 100, np.float32)
    values[2, 2] = np.nan
    save("in/a.tif", values)
    save("in/b.tif", np.full((5, 5), 50, np.float32))
    ran = process("apply", "-k", "box:3", "in", "--out-dir", "out", "--format", "png")
    assert ran.code == 0
    assert ran.err.count("in/a.tif: 9 NaN values of the feature map became black\n") == 1
    assert np.array_equal(load("out/a_box-3.png") == 0, np.pad(np.ones((3, 3)), 1))
    assert (load("out/b_box-3.png") == 50).all()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero")
def test_devices_among_the_inputs(process, gray):
    ran = process("apply", "-k", "blur", "/dev/zero", "/dev/null", "gray.png", "--out-dir", "out")
    assert (ran.code, ran.names) == (1, ["out/gray_blur.png"])
    assert ran.errors == [
        "Error: /dev/zero: is not an image that can be read",
        "Error: /dev/null: is empty",
    ]


MEASURED = """
import resource, sys
from convcli.cli.main import root
try:
    root.main(sys.argv[1:], prog_name="convcli")
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print(used.ru_utime + used.ru_stime, int(peak) / 1024, file=sys.stderr)
"""


@linux
def test_bombs_end_soon_and_in_little_memory(here):
    blank = {"size": (10_000, 9_000)}
    store("bits.png", Image.new("1", **blank))
    store("fax.tif", Image.new("1", **blank), compression="group4")
    store("flat.gif", Image.new("L", **blank))
    Path("claim.ppm").write_bytes(b"P6 200000 200000 255\n0")
    for name in ("bits.png", "fax.tif", "flat.gif", "claim.ppm"):
        command = ["apply", "-k", "blur", name, "-o", "out.png"]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        error, figures = done.stderr.splitlines()
        seconds, mebibytes = map(float, figures.split())
        assert done.returncode == 1
        assert error.startswith(f"Error: {name}: image has ")
        assert error.endswith("above the limit of 89,478,485; raise it with --max-pixels")
        assert seconds < 2  # of computing, whatever else the machine does
        assert mebibytes < 300
    assert not Path("out.png").exists()


def test_neither_home_nor_display(process, gray, photo):
    nowhere = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), "/dev/null/nowhere")
    none = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    flags = ("--out-dir", "out", "--plot", "plots")
    ran = ok(process("apply", "-k", "blur", "gray.png", "photo.png", *flags, env=nowhere | none))
    assert len(ran.names) == len([*made("out"), *made("plots")]) == 4
    process("apply", "-k", "blur", "gray.png", "--show", env=nowhere | none).fails(
        2, "Error: --show needs a display: none was found; --plot FILE writes the figure"
    )


def test_names_that_make_trouble(process, save):
    odd = [b"caf\xe9.png", b"two\nlines.png", b"100%d.png", b"-o.png", b" .png", b"$(exit).png"]
    for name in odd:
        save(b"in/" + name, np.eye(5, dtype=np.uint8))
    Path(os.fsdecode(b"in/\xff.png")).write_bytes(b"")
    ran = process("apply", "-k", "blur", "in", "--out-dir", "out", "-0")
    assert ran.code == 1
    assert ran.errors == ["Error: in/\\udcff.png: is empty"]
    results = sorted(b"out/" + name.replace(b".png", b"_blur.png") for name in odd)
    assert sorted(ran.out.split(b"\0")) == [b"", *results]
    assert all(Path(os.fsdecode(name)).exists() for name in results)
