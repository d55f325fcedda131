"""Bad files: each is one ImageError with one line, and nothing else happens."""

import io
import os
import stat
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.choices import MAX_PIXELS
from convcli.errors import ImageError
from convcli.images.options import ReadOptions
from convcli.images.pillow_errors import global_settings
from convcli.images.reading import read_frames, read_image

SAMPLES = Path(__file__).parents[2] / "sample_images"


def read(source, **options):
    return read_image(source, name="it", options=ReadOptions(**options))


def problem(source, **options):
    with pytest.raises(ImageError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert message.startswith("it: ")
    assert "\n" not in message
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    return message


def encoded(form, size=(64, 48), **params):
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, form, **params)
    return file.getvalue()


def bomb(form, width, height):
    """Return a small file whose header claims a large image."""
    if form == "PNG":
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"0")), (b"IEND", b""))
        )
    return f"P5 {width} {height} 255\n".encode() + b"0"


def test_files_that_cannot_be_opened(tmp_path):
    assert problem(tmp_path / "none.png") == "it: no such file"
    assert problem(tmp_path) == "it: is a folder, not an image"
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    secret.chmod(0)
    if not os.access(secret, os.R_OK):
        assert problem(secret) == "it: permission denied"
    (tmp_path / "empty.png").touch()
    assert problem(tmp_path / "empty.png") == "it: is empty"
    assert problem(io.BytesIO()) == "it: is empty"


def test_text_is_an_image_only_if_it_is_a_matrix(tmp_path):
    path = tmp_path / "x.png"
    path.write_text("1 2 3\n")
    assert problem(path) == "it: is not an image that can be read"
    assert "line 1: 'hello' is not a number" in problem(io.BytesIO(b"hello world\n"))
    path = tmp_path / "x.csv"
    path.write_bytes(b"1,2\n3,\xff\n")
    assert problem(path) == "it: is not an image that can be read"
    path.write_bytes(b"1,2\n" * 3000 + b"\xff")
    assert problem(path) == "it: is neither an image nor UTF-8 text"
    path.write_text("1,2\n3\n")
    assert problem(path) == "it: rows differ in length: the first has 2, line 2 has 1"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "JPEG2000"])
def test_truncated_images(form):
    data = encoded(form)
    assert "damaged" in problem(io.BytesIO(data[: len(data) // 2]))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "JPEG2000"])
@pytest.mark.fuzz
@settings(max_examples=100)
@given(data=st.data())
def test_damaged_images_are_read_or_refused(form, data):
    whole = bytearray(FILES[form])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(1, len(whole)))]
    with suppress(ImageError):
        list(
            read_frames(io.BytesIO(bytes(whole)), name="it", options=ReadOptions(max_pixels=10**6))
        )


FILES = {
    form: encoded(form, (13, 9))
    for form in ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "JPEG2000"]
}


def test_a_broken_png_with_broken_exif_is_refused_not_black():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded("PNG", exif=exif))
    idat = data.index(b"IDAT")
    data[idat + 200 : idat + 260] = bytes(60)
    assert "damaged" in problem(io.BytesIO(bytes(data)))


def test_broken_exif_is_left_out_with_a_note():
    good = encoded("JPEG")
    file = io.BytesIO()
    with Image.open(io.BytesIO(good)) as im:
        im.save(file, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0broken")
    image = read(file)
    assert image.shape == (48, 64)
    assert image.metadata.exif is None
    assert image.notes


@pytest.mark.parametrize("form", ["PNG", "PPM"])
@pytest.mark.parametrize("size", [(10_000, 10_000), (100_000, 100_000)])
def test_bombs_below_and_above_twice_the_limit(form, size):
    message = problem(io.BytesIO(bomb(form, *size)))
    assert "above the limit of 89,478,485; raise it with --max-pixels" in message


@pytest.mark.parametrize("inner", [encoded("PNG", (1000, 1001)), bomb("PNG", 2000, 2000)])
def test_a_bomb_inside_an_icon(inner):
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 8, len(inner), 22)
    icon = io.BytesIO(struct.pack("<HHH", 0, 1, 1) + entry + inner)
    assert "pixels, above the limit of 1,000,000;" in problem(icon, max_pixels=10**6)


def test_the_limit_is_exact_and_can_be_raised():
    camera = SAMPLES / "camera.png"
    assert "image has 512x512 pixels, above the limit of 262,143;" in problem(
        camera, max_pixels=512 * 512 - 1
    )
    assert read(camera, max_pixels=512 * 512).shape == (512, 512)
    assert "is truncated" in problem(io.BytesIO(bomb("PPM", 10_000, 10_000)), max_pixels=10**8)


def test_the_limit_holds_for_later_frames_and_matrices():
    file = io.BytesIO()
    pages = [Image.new("L", size) for size in ((5, 5), (50, 50))]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    frames = read_frames(file, name="it", options=ReadOptions(max_pixels=100))
    assert next(frames).shape == (5, 5)
    with pytest.raises(ImageError, match="50x50 pixels, above the limit"):
        next(frames)
    np.save(array := io.BytesIO(), np.zeros((3, 4)))
    assert "image has 4x3 pixels, above the limit of 11;" in problem(array, max_pixels=11)
    assert "above the limit of 3;" in problem(io.BytesIO(b"1 2\n3 4"), max_pixels=3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array(3.0), "0 dimensions"),
        (np.zeros((1, 2, 3, 4)), "4 dimensions"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((2, 2), complex), "holds complex numbers"),
        (np.array([["a"]]), "holds text"),
        (np.zeros(3, [("x", "f4")]), "holds records"),
        (np.array([["2020"]], "M8[Y]"), "holds dates"),
    ],
)
def test_arrays_that_are_no_images(array, words):
    np.save(file := io.BytesIO(), array)
    assert words in problem(file)


def test_pickled_truncated_and_foreign_arrays():
    np.save(file := io.BytesIO(), np.array([{}], object), allow_pickle=True)
    assert "holds Python objects" in problem(file)
    np.save(file := io.BytesIO(), np.zeros((5, 5)))
    assert "is truncated: 200 bytes" in problem(io.BytesIO(file.getvalue()[:-1]))
    assert "damaged" in problem(io.BytesIO(file.getvalue()[:30]))
    assert "damaged" in problem(io.BytesIO(file.getvalue().replace(b"}", b"(")))
    assert "version 9.0" in problem(io.BytesIO(b"\x93NUMPY\x09\x00" + bytes(100)))


@pytest.mark.skipif(np.finfo("g").max <= np.finfo("d").max, reason="no wider type here")
def test_a_long_double_over_the_range_of_float64():
    np.save(file := io.BytesIO(), np.array([[np.finfo("g").max, 1]]))
    assert "beyond float64's range; scale" in problem(file)
    np.save(file := io.BytesIO(), np.array([[np.inf, 0.5, np.nan]], "g"))
    image = read(file)
    assert image.pixels.dtype == np.float64
    np.testing.assert_array_equal(image.pixels, [[np.inf, 0.5, np.nan]])


def test_numbers_beyond_float32_are_not_resized():
    for sign in ("", "-"):
        text = io.BytesIO(f"{sign}1e300 2\n3 4".encode())
        assert "too large to resize; scale" in problem(text, resize=(3, 3))
        assert read(text, resize=(2, 2)).pixels[0, 0] == float(f"{sign}1e300")
    text = io.BytesIO(b"3e38 inf 1 1 1 1 1 1")
    resized = read(text, resize=(1, 4)).pixels
    assert not np.isfinite(resized[0, 0])
    assert np.isfinite(resized[0, -1])


@pytest.mark.posix
@pytest.mark.processes
def test_ghostscript_is_never_run(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    fake = tmp_path / "gs"
    fake.write_text(f"#!/bin/sh\ntouch {ran}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    eps = tmp_path / "x.png"
    Image.new("L", (9, 9)).save(eps, "EPS")
    assert problem(eps) == "it: is not an image that can be read"
    assert not ran.exists()
    with Image.open(eps) as im, pytest.raises(OSError):  # the fake is what Pillow would start
        im.load()
    assert ran.exists()


@pytest.mark.parametrize("inside", [nullcontext, global_settings])
def test_warnings_become_notes(inside):
    """An image directory that claims two values for a tag of one makes Pillow warn."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "TIFF", dpi=(72, 72))
    data = bytearray(file.getvalue())
    entry = data.index(struct.pack("<HHI", 259, 3, 1))  # compression
    data[entry + 4] = 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with inside():
            image = read(io.BytesIO(bytes(data)))
    assert not caught
    assert any("259" in note for note in image.notes)


def test_settings_come_back_when_threads_overlap():
    before = warnings.showwarning, list(warnings.filters), Image.MAX_IMAGE_PIXELS
    errors = []

    def work(limit):
        for _ in range(30):
            try:
                read(io.BytesIO(FILES["PNG"]), max_pixels=limit)
            except ImageError as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(10**6 + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (warnings.showwarning, list(warnings.filters), Image.MAX_IMAGE_PIXELS) == before


@pytest.mark.posix
@pytest.mark.processes
def test_a_pipe_is_read(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"import sys; open({str(fifo)!r}, 'wb').write(open(sys.argv[1], 'rb').read())"
    writer = subprocess.Popen([sys.executable, "-c", code, SAMPLES / "camera.png"])
    assert read(fifo).shape == (512, 512)
    writer.wait()
