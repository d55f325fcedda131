"""Where each result goes, and what is never overwritten."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


# Names


def test_a_result_lies_beside_its_input(apply, save):
    save("some/where/a.b.png", np.zeros((3, 3), np.uint8))
    ran = ok(apply("-k", "outline", "some/where/a.b.png"))
    assert ran.names == ["some/where/a.b_outline.png"]
    assert Path(ran.names[0]).exists()


@pytest.mark.parametrize(
    ("spec", "label"),
    [
        ("gaussian:5,sigma=1.2", "gaussian-5-sigma-1.2"),
        ("sobel-x@45", "sobel-x-45deg"),
        ("0 1 0; 1 -4 1; 0 1 0", "custom"),
        ("sobel", "sobel"),
    ],
)
def test_the_name_carries_the_kernel(apply, gray, spec, label):
    assert ok(apply("-k", spec, "gray.png")).names == [f"gray_{label}.png"]


def test_two_kernels_of_one_label_are_numbered(apply, gray, contents):
    ran = ok(apply("-k", "1 2 1", "-k", "outline", "-k", "1 0 -1", "gray.png"))
    assert ran.names == ["gray_custom-1.png", "gray_outline.png", "gray_custom-2.png"]
    files = contents()
    assert files[b"gray_custom-1.png"] != files[b"gray_custom-2.png"]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("a.JPG", "a_blur.JPG"),
        ("a.jpeg", "a_blur.jpeg"),
        ("a.tif", "a_blur.tif"),
        ("a.ico", "a_blur.png"),
        ("a.csv", "a_blur.csv"),
        ("a.npy", "a_blur.npy"),
    ],
)
def test_the_suffix_is_the_inputs_where_it_can_be_written(apply, save, name, result):
    save(name, np.zeros((16, 16), np.uint8))
    assert ok(apply("-k", "blur", name)).names == [result]
    assert Path(result).exists()


@pytest.mark.parametrize(
    ("requested", "suffix"),
    [("png", ".png"), ("jpeg", ".jpg"), ("JPG", ".jpg"), ("tiff", ".tif"), (".webp", ".webp")],
)
def test_the_suffix_is_that_of_the_format_asked_for(apply, photo, requested, suffix):
    ran = ok(apply("-k", "blur", "--format", requested, "photo.png"))
    assert ran.names == [f"photo_blur{suffix}"]
    with Image.open(ran.names[0]) as image:
        assert image.format == {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())


def test_the_template(apply, photo, gray):
    flags = ("--name", "{kernel}/{index:03d} {stem}.r{suffix}", "--out-dir", "out")
    ran = ok(apply("-k", "outline", "-k", "blur", *flags, "photo.png", "gray.png"))
    assert ran.names == [
        "out/outline/001 photo.r.png",
        "out/blur/001 photo.r.png",
        "out/outline/002 gray.r.png",
        "out/blur/002 gray.r.png",
    ]
    assert all(Path(name).exists() for name in ran.names)


@pytest.mark.parametrize(
    "template",
    [
        "{nope}{suffix}",
        "plain.png",
        "{",
        "{stem",
        "{}",
        "{0}",
        "{stem.upper}",
        "{stem[0]}",
        "{stem:d}{suffix}",
        "{stem!x}{suffix}",
        "{index:{nope}}{suffix}",
    ],
)
def test_a_template_that_makes_no_name_is_refused(apply, gray, contents, template):
    before = contents()
    apply("-k", "outline", "--name", template, "gray.png").fails(2, "--name")
    assert contents() == before


@pytest.mark.parametrize(
    ("template", "said"), [("{stem}_x.xyz", "cannot write .xyz"), ("{stem}_x", "suffix")]
)
def test_a_template_without_a_known_suffix_is_refused_before_decoding(apply, here, template, said):
    (here / "broken.png").write_bytes(b"not decoded")
    apply("-k", "outline", "--name", template, "broken.png").fails(2, said)


def test_an_unknown_suffix_or_format_is_refused_before_decoding(apply, here):
    (here / "broken.png").write_bytes(b"not decoded")
    apply("-k", "outline", "broken.png", "-o", "o.xyz").fails(2, ".xyz")
    apply("-k", "outline", "broken.png", "-o", "o").fails(2, "suffix")
    apply("-k", "outline", "broken.png", "--format", "xyz").fails(2, "xyz")


# Clashes


def test_two_inputs_with_one_output_are_refused_before_anything_is_written(apply, tree, contents):
    before = contents()
    apply("-k", "blur", "in/a.png", "in/sub/a.png", "--out-dir", "out").fails(
        2, "in/a.png", "in/sub/a.png", "out/a_blur.png"
    )
    flags = ("--out-dir", "out", "--overwrite")
    apply("-k", "blur", "in/a.png", "in/sub/a.png", *flags).fails(2)
    apply("-k", "blur", "in/a.png", "--name", "{stem}{suffix}", "-k", "box").fails(2)
    apply("-k", "blur", "in/a.png", "in/sub/a.png", "--plot", "plots").fails(2)
    assert contents() == before


def test_a_format_can_make_two_names_one(apply, save, contents):
    for name in ("a.png", "a.jpg"):
        save(name, np.zeros((3, 3), np.uint8))
    before = contents()
    apply("-k", "blur", "a.png", "a.jpg", "--format", "tiff").fails(2, "a_blur.tif")
    assert contents() == before
    assert ok(apply("-k", "blur", "a.png", "a.jpg")).names == ["a_blur.png", "a_blur.jpg"]


def test_a_result_never_replaces_another_input(apply, save, contents):
    for name in ("a.png", "a_blur.png"):
        save(name, np.eye(4, dtype=np.uint8))
    before = contents()
    apply("-k", "blur", "a.png", "a_blur.png", "--overwrite").fails(2, "a_blur.png", "input")
    assert contents() == before


def test_links_do_not_hide_a_clash(apply, tree, here, contents):
    (here / "real").mkdir()
    (here / "alias").symlink_to("real")
    before = contents()
    flags = ("--files-from", "list", "--name", "{stem}{suffix}")
    (here / "list").write_text("in/a.png\nin/sub/a.png\n")
    (here / "out/in").mkdir(parents=True)
    (here / "out/in/sub").symlink_to(".")
    apply("-k", "blur", *flags, "--out-dir", "out").fails(2, "would both be written to")
    assert {name: data for name, data in contents().items() if name != b"list"} == before


# What is there already


@pytest.mark.parametrize(
    "output", ["gray.png", "./gray.png", "link.png", "hard.png", "sub/../gray.png"]
)
def test_the_input_itself_is_replaced_only_on_request(apply, gray, load, here, contents, output):
    (here / "sub").mkdir()
    (here / "link.png").symlink_to("gray.png")
    os.link("gray.png", "hard.png")
    before = contents()
    apply("-k", "identity", "--bias", "1", "gray.png", "-o", output).fails(
        2, str(Path(output)), "--overwrite"
    )
    assert contents() == before
    ok(apply("-k", "identity", "--bias", "1", "gray.png", "-o", output, "--overwrite"))
    assert np.array_equal(load(output), np.minimum(gray, 254) + 1)
    assert (here / "link.png").is_symlink()
    if output == "hard.png":
        assert np.array_equal(load("gray.png"), gray)


def test_nothing_is_overwritten_unless_asked(apply, gray, photo, here):
    (here / "photo_blur.png").write_bytes(b"mine")
    ran = apply("-k", "blur", "photo.png", "gray.png")
    assert (ran.code, ran.names) == (1, ["gray_blur.png"])
    assert ran.errors == ["Error: photo_blur.png: exists already; --overwrite replaces it"]
    assert ran.err.splitlines()[-1] == "1 of 2 done, 1 failed"
    assert (here / "photo_blur.png").read_bytes() == b"mine"
    again = ok(apply("-k", "blur", "photo.png", "gray.png", "--overwrite"))
    assert again.names == ["photo_blur.png", "gray_blur.png"]
    assert (here / "photo_blur.png").read_bytes() != b"mine"


def test_skip_existing_does_what_is_missing(apply, photo, gray, here):
    (here / "photo_blur.png").write_bytes(b"mine")
    flags = ("-k", "blur", "-k", "box", "photo.png", "gray.png", "--skip-existing")
    ran = ok(apply(*flags))
    assert ran.names == ["photo_box.png", "gray_blur.png", "gray_box.png"]
    assert (here / "photo_blur.png").read_bytes() == b"mine"
    assert ok(apply(*flags)).out == b""


def test_what_is_skipped_is_not_read(apply, here):
    (here / "broken.png").write_bytes(b"broken")
    (here / "broken_blur.png").write_bytes(b"mine")
    ok(apply("-k", "blur", "broken.png", "--skip-existing"))


def test_dry_run_names_and_writes_nothing(apply, tree, contents):
    before = contents()
    flags = ("-k", "blur", "-k", "box", "in", "-r", "--out-dir", "out")
    dry = ok(apply(*flags, "--dry-run"))
    assert contents() == before
    assert not Path("out").exists()
    assert dry.out == ok(apply(*flags)).out


def test_dry_run_names_figures_too(apply, gray):
    ran = ok(apply("-k", "blur", "gray.png", "--plot", "p.png", "-o", "o.png", "--dry-run"))
    assert ran.names == ["o.png", "p.png"]


def test_dry_run_leaves_out_what_would_be_skipped(apply, gray, photo, here):
    (here / "photo_blur.png").write_bytes(b"mine")
    flags = ("-k", "blur", "photo.png", "gray.png", "--skip-existing")
    assert ok(apply(*flags, "--dry-run")).names == ["gray_blur.png"]


def test_dry_run_tells_what_is_already_known_to_fail(apply, gray, here):
    ran = apply("-k", "blur", "gray.png", "missing.png", "--dry-run")
    assert (ran.code, ran.names) == (1, ["gray_blur.png"])
    (here / "gray_blur.png").write_bytes(b"mine")
    assert apply("-k", "blur", "gray.png", "--dry-run").code == 1


def test_a_missing_output_folder_is_made(apply, gray):
    ok(apply("-k", "blur", "gray.png", "-o", "new/deep/o.png"))
    assert Path("new/deep/o.png").exists()


def test_an_input_that_fails_leaves_no_empty_folder(apply, here, contents):
    (here / "broken.png").write_bytes(b"broken")
    apply("-k", "blur", "broken.png", "--out-dir", "out").fails(1, "broken.png: ")
    assert list(contents()) == [b"broken.png"]


def test_messages_and_json_name_the_kernel_as_typed(apply, gray):
    specs = ["1 2 1", "signal:uniform,a=-3,b=3", "1 0 -1"]
    flags = [word for spec in specs for word in ("-k", spec)]
    ran = ok(apply(*flags, "gray.png", "-v", "--out-dir", "o"))
    for spec in specs:
        assert f"gray.png: {spec}: 14x" in ran.err
    ran = ok(apply(*flags, "gray.png", "--json", "--out-dir", "p"))
    assert [json.loads(line)["kernel"] for line in ran.out.splitlines()] == specs
