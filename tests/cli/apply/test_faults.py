"""What is wrong is said in one line, with the right exit code, and nothing is written or lost."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

# Command lines that make no sense: exit 2, before any input is looked at.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gray.png"], "--kernel"),
        (["-k", "outlin", "gray.png"], "outline"),
        (["-k", "", "gray.png"], "kernel"),
        (["-k", "1 2; 3", "gray.png"], "row"),
        (["-k", "missing.npy", "gray.png"], "missing.npy"),
        (["-k", "blur", "gray.png", "--fill", "3"], "--border constant"),
        (["-k", "blur", "gray.png", "--fill", "x", "--border", "constant"], "--fill"),
        (["-k", "blur", "gray.png", "-v", "-q"], "-q"),
        (["-k", "blur", "gray.png", "--overwrite", "--skip-existing"], "--skip-existing"),
        (["-k", "blur", "gray.png", "photo.png", "-o", "o.png"], "--out-dir"),
        (["-k", "blur", "-k", "box", "gray.png", "-o", "o.png"], "2 kernels"),
        (["-k", "blur", "gray.png", "-o", "o.png", "--out-dir", "out"], "--out-dir"),
        (["-k", "blur", "gray.png", "-o", "o.png", "--name", "{stem}{suffix}"], "--name"),
        (["-k", "blur", "gray.png", "--normalize", "--divisor", "2"], "--divisor"),
        (["-k", "blur", "gray.png", "--divisor", "0"], "divisor"),
        (["-k", "blur", "gray.png", "--divisor", "nan"], "divisor"),
        (["-k", "blur", "gray.png", "--bias", "nan"], "bias"),
        (["-k", "blur", "gray.png", "--bias", "inf"], "bias"),
        (["-k", "blur", "gray.png", "--combine", "sum"], "--combine"),
        (["-k", "blur", "gray.png", "--plot", "p.png", "--frames", "all"], "--frames all"),
        (["-k", "blur", "gray.png", "--show", "--frames", "all"], "--frames all"),
        (["-k", "blur", "gray.png", "--plot", "p.xyz"], "p.xyz"),
        (["-k", "blur", "gray.png", "--padding", "1,2,3"], "1,2,3"),
        (["-k", "blur", "gray.png", "--padding", "-1"], "-1"),
        (["-k", "blur", "gray.png", "--stride", "0"], "at least 1"),
        (["-k", "blur", "gray.png", "--dilation", "0"], "at least 1"),
        (["-k", "blur", "gray.png", "--border", "mirrored"], "mirrored"),
        (["-k", "blur", "gray.png", "--resize", "448"], "448x448"),
        (["-k", "blur", "gray.png", "--resize", "0x4"], "at least 1"),
        (["-k", "blur", "gray.png", "--quality", "101"], "101"),
        (["-k", "blur", "gray.png", "--compress-level", "10"], "10"),
        (["-k", "blur", "gray.png", "--max-pixels", "0"], "0"),
        (["-k", "blur", "gray.png", "--nonsense"], "--nonsense"),
        (["-k", "blur", "gray.png", "-o", ""], ""),
    ],
)
def test_contradictions_are_refused(apply, gray, photo, contents, arguments, said):
    before = contents()
    apply(*arguments).fails(2, said)
    assert contents() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-k", "luma"], "luma: kernel sums over 3 channels, the image has 1"),
        (["-k", "luma", "--grid", "g.png"], "luma: kernel sums over 3 channels, the image has 1"),
        (["-k", "luma", "--frames", "all"], "luma: kernel sums over 3 channels, the image has 1"),
        (["-k", "box:99", "--padding", "valid"], "kernel 99x99 exceeds the"),
        (["-k", "outline", "-k", "sobel", "--combine", "direction"], "direction"),
    ],
)
def test_no_result_is_written_if_a_later_kernel_does_not_fit(
    apply, gray, contents, arguments, said
):
    before = contents()
    ran = apply("-k", "1 1", *arguments, "gray.png", "--out-dir", "out")
    ran.fails(2 if "direction" in arguments else 1, said)
    assert contents() == before


def test_groups_are_advised_for_banks_alone(apply, here):
    np.save("six.npy", np.zeros((4, 5, 6)))
    for filters, has_advice in ((4, True), (3, False), (1, False)):
        np.save("bank.npy", np.zeros((filters, 3, 3, 3)))
        [error] = apply("-k", "bank.npy", "six.npy", "--out-dir", "out").errors
        assert "kernel sums over 3 channels, the image has 6" in error
        assert error.endswith("convcli chain IMAGE conv -k BANK --groups 2") is has_advice


def test_plain_numbers_have_no_mid_gray(apply, here, contents):
    (here / "m.txt").write_text("1 2 3\n")
    apply("-k", "blur", "--range", "offset", "m.txt", "-o", "o.txt").fails(1, "m.txt: ", "offset")
    assert list(contents()) == [b"m.txt"]


def test_an_unknown_command_is_refused(convcli):
    convcli("aply").fails(2, "aply")


# Bad images: exit 1, the others go on.


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    """A PNG that claims a size, and holds one byte of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


@pytest.fixture
def encoded(rng, here):
    def encode(form, **options):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save("x", form, **options)
        data = (here / "x").read_bytes()
        (here / "x").unlink()
        return data

    return encode


@pytest.fixture
def bad(apply, here):
    """Filter a file of these bytes, and see that it fails alone and nothing is written."""

    def run(data, *said, name="bad.png"):
        (here / name).write_bytes(data)
        apply("-k", "outline", name, "-o", "o.png").fails(1, f"Error: {name}: ", *said)
        assert (here / name).read_bytes() == data
        assert not (here / "o.png").exists()

    return run


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"not an image\n", "not an image"),
        (b"\x89PNG\r\n\x1a\n", ""),
        (png_header(0, 5), ""),
        (b"\xff\xd8\xff\xe0", ""),
        (b"GIF89a", ""),
        (b"II*\0\xff\xff\xff\xff", ""),
        (b"BM" + b"\xff" * 60, ""),
        (b"RIFF\xff\xff\xff\xffWEBP", ""),
        (b"P5\n-3 4\n255\n", ""),
        (b"%PDF-1.4\n", ""),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
    ],
)
def test_what_is_no_image(bad, data, said):
    bad(data, said)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_images(bad, encoded, form, kept):
    data = encoded(form)
    bad(data[: int(len(data) * kept)])


def test_a_checksum_that_is_wrong(bad, encoded):
    data = bytearray(encoded("PNG"))
    data[len(data) // 2] ^= 0xFF
    bad(bytes(data))


@pytest.mark.parametrize("size", [(10_000, 10_000), (12_000, 12_000), (60_000, 60_000)])
def test_a_header_that_is_a_bomb(bad, size):
    bad(png_header(*size), "89,478,485", "--max-pixels")


def test_the_limit_is_the_users(apply, gray, here):
    pixels = gray.size
    apply("-k", "blur", "--max-pixels", pixels - 1, "gray.png").fails(1, "--max-pixels")
    assert apply("-k", "blur", "--max-pixels", pixels, "gray.png").code == 0
    flags = ("--resize", "500x500", "--max-pixels", pixels, "-o", "o.png")
    apply("-k", "blur", *flags, "gray.png").fails(2, "500x500", "--max-pixels")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("m.txt", b"1 2 3\n4 5\n", "line 2"),
        ("m.csv", b"a,b\n1,2\n", "'a'"),
        ("m.txt", b"\n# nothing\n", "no numbers"),
        ("m.csv", b"\xff\xfe1\0,\0", ""),
        ("m.npy", b"\x93NUMPY\x01\0", ""),
        (
            "m.npy",
            b"\x93NUMPY\x01\0v\0"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3)}".ljust(117)
            + b"\n",
            "",
        ),
    ],
)
def test_bad_matrices(bad, name, data, said):
    bad(data, said, name=name)


def test_arrays_that_are_no_images(apply, save):
    save("objects.npy", np.array([[1, None]], object))
    save("complex.npy", np.ones((3, 3), complex))
    save("deep.npy", np.ones((2, 3, 4, 5)))
    save("none.npy", np.ones((0, 5)))
    for name in ("objects", "complex", "deep", "none"):
        apply("-k", "blur", f"{name}.npy", "-o", "o.npy").fails(1, f"Error: {name}.npy: ")


@pytest.mark.processes
def test_ghostscript_is_never_started(process, here):
    (here / "bin").mkdir()
    ghostscript = here / "bin/gs"
    ghostscript.write_text("#!/bin/sh\ntouch started\n")
    ghostscript.chmod(0o755)
    (here / "x.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    )
    path = f"{here / 'bin'}:{os.environ['PATH']}"
    ran = process("apply", "-k", "blur", "x.png", "-o", "o.png", env={"PATH": path})
    ran.fails(1, "Error: x.png: ")
    assert not (here / "started").exists()


def test_one_bad_file_among_good_ones(apply, gray, photo, here, contents):
    (here / "bad.png").write_bytes(b"")
    ran = apply("-k", "blur", "gray.png", "bad.png", "missing.png", "photo.png")
    assert (ran.code, ran.names) == (1, ["gray_blur.png", "photo_blur.png"])
    assert ran.err.splitlines() == [
        "Error: bad.png: is empty",
        "Error: missing.png: no such file",
        "2 of 4 done, 2 failed",
    ]
    assert set(ran.names) <= {name.decode() for name in contents()}


def test_a_kernel_that_does_not_fit_one_image_spares_the_others(apply, gray, save):
    save("tiny.png", np.zeros((2, 2), np.uint8))
    ran = apply("-k", "box:5", "--padding", "valid", "tiny.png", "gray.png")
    assert (ran.code, ran.names) == (1, ["gray_box-5.png"])
    assert ran.errors == ["Error: tiny.png: kernel 5x5 exceeds the 2x2 input"]


def test_control_characters_do_not_reach_the_terminal(apply, gray, here):
    for flags in (["--format", "a\x1b[31m\rb"], ["--name", "{a\x1b[31m}"], ["-o", "x.\x1b[31m"]):
        ran = apply("-k", "blur", "gray.png", *flags)
        assert ran.code == 2
        assert "\x1b" not in ran.err
        assert "\r" not in ran.err


# Notes on what is lost


def test_nan_in_an_image(apply, save, load):
    values = np.full((5, 5), 100.0, np.float32)
    values[2, 2] = np.nan
    save("in.npy", values)
    ran = apply("-k", "box:3", "in.npy", "-o", "o.png")
    assert (ran.code, ran.out) == (0, b"o.png\n")
    rounded, black = ran.err.splitlines()
    assert rounded.startswith("in.npy: plain numbers were rounded and clipped to 8-bit pixels;")
    assert black == "in.npy: 9 NaN values of the feature map became black"
    expected = np.full((5, 5), 100)
    expected[1:4, 1:4] = 0
    assert np.array_equal(load("o.png"), expected)


def test_16_bits_that_become_8(apply, save, load, rng):
    pixels = rng.integers(0, 65536, (16, 16), np.uint16)
    save("in.png", pixels)
    ran = apply("-k", "identity", "in.png", "-o", "o.jpg")
    assert ran.err.startswith("in.png: scaled to 8 bits")
    assert np.abs(load("o.jpg") - pixels / 257).max() < 20
    ran = apply("-k", "identity", "in.png", "-o", "o.bmp")
    assert np.array_equal(load("o.bmp"), np.rint(pixels / 257))


def test_options_that_mean_nothing_to_the_format(apply, gray):
    ran = apply("-k", "blur", "gray.png", "-o", "o.png", "--quality", "50")
    assert (ran.code, ran.errors) == (0, [])
    assert "--quality" in ran.err


def test_quality_and_compression(apply, photo, here, samples):
    sizes = []
    for quality in (10, 95):
        apply("-k", "blur", samples / "rocket.jpg", "-o", f"{quality}.jpg", "--quality", quality)
        sizes.append((here / f"{quality}.jpg").stat().st_size)
    assert sizes[0] < sizes[1] / 3
    for level in (0, 9):
        apply("-k", "blur", samples / "camera.png", "-o", f"{level}.png", "--compress-level", level)
    assert (here / "9.png").stat().st_size < (here / "0.png").stat().st_size / 1.5


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["-k", "blur", "--resize", "100000x100000"], 2),
        (["-k", "blur", "--method", "matrix"], 2),
        (["-k", "blur", "-o", "photo.png"], 2),
        (["-k", "blur", "--files-from", "missing.txt"], 2),
        (["-k", "sobel", "--combine", "direction", "-o", "o.png"], 1),
        (["-k", "blur", "--range", "raw", "-o", "o.tif"], 1),
        (["-k", "gaussian:201", "--padding", "valid", "-o", "o.png"], 1),
    ],
)
def test_an_error_before_the_first_input_is_2_and_of_an_input_1(
    apply, photo, contents, flags, code
):
    before = contents()
    ran = apply(*flags, "photo.png")
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, b"", 1), ran
    assert contents() == before


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "--padding", "99999999", "-o", "o.png"],
        ["apply", "--padding", "3000", "--max-memory", "60M", "-o", "o.png"],
        ["apply", "--padding", "99999999", "--range", "rescale", "--plot", "o.png"],
        ["compare", "--padding", "200000", "--vary", "border", "-o", "o.png"],
        ["animate", "--padding", "200000", "-o", "o.gif"],
        ["animate", "--dilation", "100000000", "-o", "o.gif"],
        ["explain", "--padding", "300000", "--at", "0,0"],
    ],
)
def test_more_memory_than_there_is_is_refused_in_words(convcli, photo, contents, command):
    before = contents()
    name, *options = command
    convcli(name, "-k", "blur", "photo.png", *options).fails(1, "photo.png: ", " needs about ")
    assert contents() == before


@pytest.mark.parametrize(
    "options", [["--dilation", "1000000000"], ["--padding", "100000000", "--stride", "100000000"]]
)
def test_gaps_take_no_memory(apply, photo, load, options):
    ran = apply("-k", "outline", "photo.png", *options, "--max-memory", "40M", "-o", "o.png")
    assert (ran.code, ran.err) == (0, "")


def test_options_without_effect_are_told(apply, photo, gray):
    flags = ("--include", "*.png", "--exclude", "x*", "-r")
    ran = apply("-k", "blur", "gray.png", *flags)
    assert (ran.code, ran.names) == (0, ["gray_blur.png"])
    assert ran.err.splitlines() == [
        "--recursive has no effect: no INPUT is a folder or pattern",
        "--include has no effect: no INPUT is a folder or pattern",
        "--exclude has no effect: no INPUT is a folder or pattern",
    ]
    assert apply("-k", "blur", "gray.png", "-q", "--overwrite", *flags).err == ""
    ran = apply("-k", "blur", ".", "--include", "g*y.png", "--overwrite")
    assert "no effect" not in ran.err


def test_what_a_constant_border_holds_is_told_with_v(apply, gray):
    flags = ("-k", "blur", "gray.png", "--overwrite", "--border", "constant")
    assert apply(*flags).err == ""
    assert "--border constant holds 0; --fill sets" in apply(*flags, "-v").err
    assert "--fill sets" not in apply(*flags, "-v", "--fill", "0").err
    apply("-k", "blur", "gray.png", "--fill", "3").fails(2, "--fill needs --border constant")


def test_notes_and_errors_call_standard_input_alike(apply, gray, here):
    png = (here / "gray.png").read_bytes()
    ran = apply("-k", "blur", "-", "-o", "o.png", "--quality", "9", stdin=png)
    assert ran.err.startswith("standard input: --quality was ignored")
    ran = apply("-k", "blur", "-", "-o", "p.png", stdin=b"x")
    assert ran.err.startswith("Error: standard input: ")
