"""Standard input, output and error: data, names, JSON, notes."""

import io
import json
import os
import subprocess

import numpy as np
import pytest
from PIL import Image


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


# Images through pipes


@pytest.mark.processes
@pytest.mark.parametrize("form", ["png", "jpeg", "tiff", "webp", "gif", "npy", "pgm", "jp2"])
def test_the_bytes_on_stdout_are_those_of_the_file(process, gray, here, form):
    data = (here / "gray.png").read_bytes()
    piped = ok(process("apply", "-k", "outline", "-", "-o", "-", "--format", form, stdin=data))
    ok(process("apply", "-k", "outline", "gray.png", "-o", "o.file", "--format", form))
    assert piped.out == (here / "o.file").read_bytes()
    assert piped.err == ""


@pytest.mark.processes
def test_a_pipeline_of_two_filters(program, samples, here, by_scipy, to_pixels, load):
    camera = (samples / "camera.png").read_bytes()
    first = subprocess.Popen(
        [*program, "apply", "-k", "outline", "-", "-o", "-", "--format", "png"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    second = subprocess.Popen(
        [*program, "apply", "-k", "blur", "-", "-o", "b.png"],
        stdin=first.stdout,
        stdout=subprocess.PIPE,
    )
    first.stdout.close()
    first.stdin.write(camera)
    first.stdin.close()
    assert (second.communicate(timeout=60)[0], first.wait(60)) == (b"b.png\n", 0)
    assert second.returncode == 0
    pixels = load(samples / "camera.png")
    outline = to_pixels(by_scipy(pixels, [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]))
    expected = to_pixels(by_scipy(outline, np.outer([1, 2, 1], [1, 2, 1]) / 16))
    assert np.array_equal(load("b.png"), expected)


def test_without_a_format_stdout_has_the_inputs_own(apply, photo, save, here):
    save("photo.jpg", photo)
    for name, form in (("photo.png", "PNG"), ("photo.jpg", "JPEG")):
        ran = ok(apply("-k", "blur", name, "-o", "-"))
        with Image.open(io.BytesIO(ran.out)) as image:
            assert image.format == form


def test_notes_of_an_image_on_stdout_go_to_stderr(apply, save, rng, here):
    frames = [Image.fromarray(rng.integers(0, 256, (5, 5), np.uint8)) for _ in range(2)]
    frames[0].save("in.gif", save_all=True, append_images=frames[1:])
    ran = apply("-k", "blur", "in.gif", "-o", "-", "--format", "png", "-v")
    with Image.open(io.BytesIO(ran.out)) as image:
        image.load()
    assert ran.out.endswith(b"IEND\xaeB`\x82")
    assert "only the first frame was read" in ran.err
    assert "min " in ran.err


# Standard input


def test_a_matrix_from_standard_input_is_printed_aligned(apply, here):
    ran = ok(apply("-k", "1 0 -1", "-", "-o", "-", stdin=b"1,2,4\n8,16,320\n"))
    assert ran.out == b"-1    -3    -2\n-8  -312  -304\n"


def test_matrices_keep_their_numbers_through_a_pipe(apply, here, rng):
    matrix = rng.normal(size=(4, 5))
    text = io.BytesIO()
    np.savetxt(text, matrix)
    ran = ok(apply("-k", "identity", "-", "-o", "-", stdin=text.getvalue()))
    assert np.array_equal(np.loadtxt(io.BytesIO(ran.out)), matrix)
    npy = ok(apply("-k", "identity", "-", "-o", "-", "--format", "npy", stdin=ran.out))
    assert np.array_equal(np.load(io.BytesIO(npy.out)), matrix)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "-", "-", "-o", "x.png"],
        ["-k", "blur", "-", "-", "--out-dir", "out"],
        ["-k", "blur", "-", "--files-from", "-", "--out-dir", "out"],
        ["-k", "-", "--files-from", "-"],
        ["-k", "-", "-k", "-", "gray.png"],
    ],
)
def test_standard_input_is_used_once(apply, gray, arguments):
    apply(*arguments, stdin=b"1 2 1").fails(2, "standard input")


def test_a_kernel_from_standard_input(apply, gray, load, by_scipy, to_pixels):
    ok(apply("-k", "-", "gray.png", "-o", "o.png", stdin=b"0 1 2\n-1 0 1\n-2 -1 0\n"))
    kernel = [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]
    assert np.array_equal(load("o.png"), to_pixels(by_scipy(gray, kernel)))


def test_the_result_of_standard_input_needs_a_name(apply, here):
    apply("-k", "blur", "-", stdin=b"1 2 3").fails(2, "-o")


def test_standard_input_into_a_folder(apply, here):
    assert ok(apply("-k", "blur", "-", "--out-dir", "out", stdin=b"1 2 3")).names


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"1 2\n3\n", b"hello", b"\0\0\0"])
def test_standard_input_that_is_no_image(apply, here, data):
    apply("-k", "blur", "-", "-o", "o.png", stdin=data).fails(1, "Error: standard input: ")
    assert list(here.iterdir()) == []


def test_standard_input_cut_short(apply, photo, here):
    data = (here / "photo.png").read_bytes()
    apply("-k", "blur", "-", "-o", "o.png", stdin=data[: len(data) // 2]).fails(
        1, "Error: standard input: "
    )
    assert not (here / "o.png").exists()


# Names, JSON, messages


def test_stdout_is_the_names_and_stderr_is_empty(apply, gray, photo):
    ran = ok(apply("-k", "blur", "gray.png", "photo.png"))
    assert (ran.out, ran.err) == (b"gray_blur.png\nphoto_blur.png\n", "")


def test_names_end_in_nul_on_request(apply, gray, photo):
    ran = ok(apply("-k", "blur", "-0", "gray.png", "photo.png"))
    assert ran.out == b"gray_blur.png\0photo_blur.png\0"


def test_quiet_prints_errors_only(apply, gray, here):
    (here / "bad.png").write_bytes(b"bad")
    ran = apply("-k", "blur", "-q", "gray.png")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    ran = apply("-k", "blur", "-q", "bad.png", "gray.png", "--overwrite")
    assert (ran.code, ran.out, len(ran.errors)) == (1, b"", 1)


def test_verbose_prints_sizes_extremes_and_share(apply, here, save):
    save("in.png", np.array([[0, 0, 0, 255]], np.uint8))
    ran = ok(apply("-k", "1 0 -1", "-v", "--border", "zero", "in.png", "-o", "o.png"))
    # slides unflipped: left neighbor less right neighbor = 0 0 -255 0
    assert ran.out == b"o.png\n"
    assert "4x1 to 4x1, min -255, max 0, 25.0 % clipped" in ran.err
    assert ran.err.startswith("in.png: ")


@pytest.mark.parametrize("channels", [3, 4, 6])
def test_verbose_names_more_channels_than_colors_have(apply, here, channels):
    """A volume cannot be told from an image."""
    np.save("in.npy", np.zeros((4, 5, channels)))
    ran = ok(apply("-k", "outline", "-v", "in.npy", "-o", "out.npy"))
    note = "in.npy: read as 6 channels, the last axis of the array"
    assert (note in ran.err) is (channels == 6)
    ran = apply("-k", "1 1", "-k", "luma", "in.npy", "--out-dir", "out")
    note = "the image has 6, the last axis of its shape (4, 5, 6)"
    assert any(note in line for line in ran.errors) is (channels == 6)
    ran = apply("-k", "box:7", "--padding", "valid", "in.npy", "-o", "out.npy", "--overwrite")
    note = "kernel 7x7 exceeds the 5x4 input"
    if channels == 6:
        note += " (the last axis of its shape (4, 5, 6) was read as 6 channels)"
    assert ran.errors == [f"Error: in.npy: {note}"]


def test_json_has_the_numbers(apply, photo, gray, by_scipy):
    ran = ok(apply("-k", "outline", "--json", "--stride", "2", "photo.png", "gray.png"))
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [(r["input"], r["output"], r["kernel"]) for r in records] == [
        ("photo.png", "photo_outline.png", "outline"),
        ("gray.png", "gray_outline.png", "outline"),
    ]
    for record, pixels in zip(records, (photo, gray), strict=True):
        kernel = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
        values = by_scipy(pixels, kernel, stride=2)
        assert (record["input_rows"], record["input_columns"]) == pixels.shape[:2]
        assert (record["rows"], record["columns"]) == values.shape[:2]
        assert (record["min"], record["max"]) == (values.min(), values.max())
        share = ((values < 0) | (values > 255)).mean()
        assert record["clipped"] == pytest.approx(share, abs=1e-6)


def test_json_of_errors_and_of_skipped_files(apply, gray, here):
    (here / "bad.png").write_bytes(b"bad")
    (here / "gray_blur.png").write_bytes(b"mine")
    ran = apply("-k", "blur", "--json", "--skip-existing", "bad.png", "gray.png")
    failed, skipped = (json.loads(line) for line in ran.out.splitlines())
    assert failed["input"] == "bad.png"
    assert failed["error"].startswith("bad.png: ")
    assert (skipped["skipped"], skipped["output"]) == (True, "gray_blur.png")
    assert ran.code == 1


@pytest.mark.parametrize(
    ("matrix", "least", "greatest"),
    [("nan nan\nnan nan\n", None, None), ("inf inf\n", None, None), ("1 nan\n2 3\n", 1, 3)],
)
def test_json_has_no_nan(apply, here, matrix, least, greatest):
    (here / "in.txt").write_text(matrix)
    ran = ok(apply("-k", "identity", "--json", "in.txt", "-o", "o.txt"))
    record = json.loads(ran.out, parse_constant=lambda name: pytest.fail(name))
    assert (record["min"], record["max"]) == (least, greatest)


def test_json_and_an_image_cannot_share_stdout(apply, gray):
    apply("-k", "blur", "--json", "gray.png", "-o", "-").fails(2, "--json")


@pytest.mark.processes
def test_json_names_that_are_not_utf8(process, save):
    save(b"caf\xe9.png", np.eye(4, dtype=np.uint8))
    ran = process("apply", "-k", "blur", "--json", b"caf\xe9.png")
    assert os.fsencode(json.loads(ran.out)["output"]) == b"caf\xe9_blur.png"
