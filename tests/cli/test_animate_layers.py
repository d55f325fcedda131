"""``convcli animate --layer``: frames, files as Python writes them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from convcli import Chain

TEXTS = ["conv -k outline --padding same", "relu", "maxpool 2"]


@pytest.fixture
def animate(convcli):
    """Run ``convcli animate`` with a ``--layer`` for each text."""

    def run(texts, *arguments, **extra):
        options = [word for text in texts for word in ("--layer", text)]
        return convcli("animate", *options, *arguments, **extra)

    return run


@pytest.fixture
def toy(save):
    return save("toy.csv", np.arange(36).reshape(6, 6) % 7)


def names_of(ran):
    """The names printed by a run that succeeded without a message."""
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.names


def frames_in(name):
    with Image.open(name) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


@pytest.mark.slow
def test_a_gif_has_a_frame_for_each_value_of_the_last_layer(animate, toy):
    assert names_of(animate(TEXTS, "toy.csv", "-o", "pool.gif")) == ["pool.gif"]
    assert len(frames_in("pool.gif")) == 9
    names_of(animate(TEXTS, "toy.csv", "-o", "two.webp", "--from", "1,1", "--to", "2,0"))
    assert len(frames_in("two.webp")) == 3
    names = names_of(animate(TEXTS, "toy.csv", "-o", "steps/", "--step", "4"))
    assert names == [f"steps/frame-000{number}.png" for number in (1, 2, 3)]


@pytest.mark.slow
def test_python_writes_the_same_file(animate, photo, load):
    flags = "--map", "2", "--to", "0,1", "--title", "", "--fps", "4", "--theme", "slide"
    names_of(animate(TEXTS, "photo.png", "-o", "shell.gif", *flags))
    options = {"map": 2, "last": (0, 1), "title": "", "fps": 4, "theme": "slide"}
    chain = Chain(TEXTS)
    assert chain.animate(load("photo.png"), "python.gif", **options) == [Path("python.gif")]
    assert Path("python.gif").read_bytes() == Path("shell.gif").read_bytes()
    with pytest.raises(Exception, match=r"python\.gif.*overwrite=True"):
        chain.animate(load("photo.png"), "python.gif", **options)
    assert chain.animate(load("photo.png"), Path("python.gif"), overwrite=True, **options)


@pytest.mark.slow
def test_slides_in_a_pdf_and_other_looks(animate, toy):
    command = ["toy.csv", "--to", "0,1", "--digits", "1"]
    names_of(animate(TEXTS, *command, "--theme", "slide", "-o", "a.pdf"))
    assert b"/Count 2" in Path("a.pdf").read_bytes()
    flags = "--theme", "dark", "--dpi", "50", "--width", "10", "--cmap", "viridis"
    names_of(animate(TEXTS, *command, *flags, "-o", "a.webp"))
    [first, second] = frames_in("a.webp")
    assert first.shape[1] == 500
    assert first[0, 0].max() < 50
    assert (first != second).any()
    animate(TEXTS, *command, "--cmap", "vridis", "-o", "b.gif").fails(2, "cmap", "viridis")


@pytest.mark.slow
def test_a_matrix_standard_input_and_a_kernel_from_it(animate, gray):
    one = "--to", "0,0", "-o"
    names_of(animate(["maxpool 2"], "--matrix", "1 2; 3 4", *one, "a.gif"))
    image = Path("gray.png").read_bytes()
    names_of(animate(["relu"], "-", *one, "b.gif", stdin=image))
    names_of(animate(["conv -k -"], "gray.png", *one, "c.gif", stdin=b"1 2"))
    said = "standard input ('-') can be used once only: as a kernel or as the image"
    animate(["conv -k -"], "-", *one, "d.gif", stdin=image).fails(2, said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "blur"], ["leave out -k", "--layer 'conv -k outline --stride 2'"]),
        (["--stride", "2"], ["leave out --stride"]),
        (["--padding", "same"], ["leave out --padding"]),
        (["--operation", "convolve"], ["leave out --operation"]),
        (["--filter", "1"], ["leave out --filter"]),
        (["--combine", "max"], ["leave out --combine"]),
        (["--normalize"], ["leave out --normalize"]),
        (["--bias", "2"], ["leave out --bias"]),
        (["--range", "clip"], ["--layer animates values, not pixels; leave out --range"]),
        (["--percentile", "1,99"], ["leave out --percentile"]),
        (["--map", "0"], ["--map"]),
    ],
)
def test_options_that_make_no_sense_with_layers(animate, gray, contents, arguments, words):
    before = contents()
    animate(["relu"], *arguments, "gray.png", "-o", "a.gif").fails(2, *words)
    assert contents() == before


@pytest.mark.parametrize(
    ("texts", "arguments", "code", "words"),
    [
        ([], ["gray.png"], 2, ["Missing option '-k' / '--kernel', or '--layer'"]),
        ([], ["-k", "blur", "--map", "1", "gray.png"], 2, ["--map", "--layer"]),
        (["maxpol 2"], ["gray.png"], 2, ["did you mean maxpool?"]),
        (["relu", "maxpool"], ["gray.png"], 2, ["layer 2 (maxpool): Missing argument 'SIZE'"]),
        (["relu relu"], ["gray.png"], 2, ["layer 1: 'relu relu' is more than the layer relu"]),
        (["relu"], [], 2, ["no INPUT"]),
        (["relu"], ["none.png"], 1, ["none.png"]),
        (["relu"], ["photo.png", "--map", "4"], 1, ["there is no map 4", "3 maps"]),
        (["maxpool 99"], ["gray.png"], 1, ["gray.png: layer 1 (maxpool 99x99): window 99x99"]),
        (["maxpool 2"], ["gray.png", "--from", "99,0"], 1, ["--from 99,0 is outside the"]),
        (["relu"], ["--matrix", "1 2 3"], 1, ["this is a signal: animate one kernel (-k)"]),
        (["relu"], ["signal:normal"], 1, ["signal:normal: a chain of layers is animated on"]),
        (["relu"], ["gray.png", "--max-memory", "1k"], 1, ["gray.png"]),
    ],
)
def test_faults_are_one_line(animate, gray, photo, contents, texts, arguments, code, words):
    before = contents()
    animate(texts, *arguments, "-o", "a.gif").fails(code, *words)
    assert contents() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"map": 3}, "there is no map 3"),
        ({"fps": 99}, "fps must be from 0.1 to 50"),
        ({"first": (9, 0)}, "first 9,0 is outside the 2x2"),
        ({"first": 1}, "first must be two whole numbers"),
        ({"step": 0}, "step"),
        ({"theme": "neon"}, "theme"),
        ({"overwrite": 2}, "overwrite"),
    ],
)
def test_wrong_arguments_in_python(here, options, words):
    with pytest.raises(ValueError, match=words):
        Chain("relu maxpool 2").animate([[1, 2, 3, 4]] * 4, "a.gif", **options)
    assert not list(here.iterdir())


def test_python_refuses_signals(here):
    with pytest.raises(ValueError, match="this is a signal"):
        Chain("relu").animate([1, 2, 3], "a.gif")


def test_a_variable_may_hold_layers(convcli, gray):
    ran = convcli("animate", "gray.png", "-o", "a.xyz", CONVCLI_ANIMATE_LAYER="relu\nmaxpool 2")
    ran.fails(2, ".gif")
    ran = convcli("animate", "-k", "blur", "gray.png", "-o", "a.gif", CONVCLI_ANIMATE_LAYER="relu")
    ran.fails(2, "leave out -k")
