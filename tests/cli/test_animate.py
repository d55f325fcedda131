"""``convcli animate``: what it writes, that others can read it, and what is refused."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

TOY = np.array([[10, 10, 10, 0, 0, 0]] * 6)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def animate(convcli, save):
    """Run ``convcli animate`` inside this process, on a toy that is there."""
    save("toy.csv", TOY)
    return lambda *arguments, **extra: convcli("animate", *arguments, **extra)


def names_of(ran):
    """The names printed by a run that succeeded without a message."""
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.names


def frames_in(name):
    """Every frame of an animation as RGB, and how long each is shown."""
    with Image.open(name) as animation:
        frames, durations = [], []
        for frame in ImageSequence.Iterator(animation):
            frames.append(np.asarray(frame.convert("RGB")))
            durations.append(frame.info["duration"])
        return np.array(frames), durations


@pytest.mark.slow
def test_a_gif_has_a_frame_for_each_value(animate):
    assert names_of(animate("-k", "prewitt-x", "toy.csv", "-o", "a.gif")) == ["a.gif"]
    frames, durations = frames_in("a.gif")
    assert len(frames) == 36
    assert durations == [200] * 35 + [2000]
    with Image.open("a.gif") as animation:
        assert (animation.format, animation.info["loop"]) == ("GIF", 0)


@pytest.mark.slow
def test_webp_is_to_the_bit_and_gif_nearly(animate):
    for name in ("a.gif", "a.webp", "pngs/"):
        names_of(animate("-k", "sobel", "toy.csv", "-o", name, "--to", "0,2"))
    exact = [np.asarray(Image.open(f"pngs/frame-000{n}.png")) for n in range(1, 4)]
    webp, durations = frames_in("a.webp")
    assert np.array_equal(webp, exact)
    assert durations == [200] * 2 + [2000]
    gif, _ = frames_in("a.gif")
    assert np.abs(gif.astype(int) - exact).mean() < 1


@pytest.mark.slow
def test_a_gif_does_not_flicker(animate, save):
    save("photo.png", np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8))
    for name in ("a.gif", "a.webp"):
        names_of(animate("-k", "outline", "photo.png", "-o", name, "--from", "9,0", "--to", "9,5"))
    moved, moved_exactly = (
        (frames != frames[0]).any(axis=(0, 3)) for frames, _ in map(frames_in, ("a.gif", "a.webp"))
    )
    assert not (moved & ~moved_exactly).any()
    assert moved.mean() < 0.25


@needs_ffmpeg
def test_a_video(animate):
    command = ["-k", "outline", "toy.csv", "--to", "0,5", "--fps", "4", "-o", "a.mp4"]
    names_of(animate(*command))
    first = Path("a.mp4").read_bytes()
    names_of(animate(*command, "--overwrite"))
    assert Path("a.mp4").read_bytes() == first
    probe = shutil.which("ffprobe")
    if probe is None:
        pytest.skip("ffprobe is not installed")
    asked = ["-count_frames", "-select_streams", "v", "-show_streams", "-of", "json", "a.mp4"]
    done = subprocess.run([probe, "-v", "error", *asked], capture_output=True, check=True)
    [stream] = json.loads(done.stdout)["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert stream["r_frame_rate"] == "4/1"
    assert int(stream["nb_read_frames"]) == 6 + 7  # the last one stays for two seconds
    assert stream["width"] % 2 == stream["height"] % 2 == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_the_same_command_gives_the_same_bytes(animate, name):
    """And the last frame is never shorter than the others."""
    command = ["-k", "emboss", "toy.csv", "--to", "0,2", "--fps", "0.2", "-o", name, "--overwrite"]
    names_of(animate(*command))
    first = Path(name).read_bytes()
    names_of(animate(*command))
    assert Path(name).read_bytes() == first
    assert frames_in(name)[1] == [5000] * 3


@pytest.mark.slow
def test_slides_in_a_pdf(animate):
    command = ["-k", "prewitt-x", "toy.csv", "--to", "0,2", "--theme", "slide", "-o", "a.pdf"]
    assert names_of(animate(*command)) == ["a.pdf"]
    first = Path("a.pdf").read_bytes()
    assert b"/Count 3" in first
    assert re.search(rb"/MediaBox \[ 0 0 960\S* 540 \]", first)
    animate(*command).fails(2, "already", "--overwrite")
    names_of(animate(*command, "--overwrite"))
    assert Path("a.pdf").read_bytes() == first


@pytest.mark.slow
def test_the_look_can_be_set(animate):
    flags = ["--theme", "dark", "--title", "Lesson 2", "--dpi", "50", "--width", "8", "--cmap"]
    command = ["-k", "sobel-x", "toy.csv", "--to", "0,1", "--digits", "1"]
    names_of(animate(*command, *flags, "viridis", "-o", "a.webp"))
    frames, _ = frames_in("a.webp")
    assert frames.shape[2] == 400
    assert frames[0, 0, 0].max() < 50
    animate(*command, "--cmap", "vridis", "-o", "b.gif").fails(2, "cmap", "viridis")


@pytest.mark.slow
def test_ways_over_the_map(animate):
    names_of(animate("-k", "blur", "toy.csv", "-o", "a.webp", "--from", "1,4", "--to", "2,1"))
    assert len(frames_in("a.webp")[0]) == 4
    names_of(animate("-k", "blur", "toy.csv", "-o", "b.webp", "--step", "7", "--fps", "25"))
    frames, durations = frames_in("b.webp")
    assert len(frames) == 6
    assert durations[0] == 40


@pytest.mark.slow
def test_many_positions_are_thinned_and_said(animate, save, monkeypatch):
    monkeypatch.setattr("convcli.teaching.animate.sliding.MAX_POSITIONS", 20)
    save("row.npy", np.random.default_rng(2).integers(0, 256, (1, 300), np.uint8))
    ran = animate("-k", "3", "row.npy", "-o", "a.webp")
    assert ran.code == 0
    assert ran.err == (
        "row.npy: 20 of 300 positions shown; --step N, or --from and --to, choose others\n"
    )
    assert len(frames_in("a.webp")[0]) == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ["-k", "sobel", "--operation", "convolve", "--padding", "full", "--border", "reflect"],
        ["-k", "gaussian:15", "--stride", "2,3", "--dilation", "2", "--border", "zero"],
        ["-k", "blur", "-k", "outline", "--combine", "max", "--range", "rescale"],
        ["-k", "blur", "--channels", "gray", "--resize", "5x4", "--range", "raw"],
        ["-k", "bank.npy", "--filter", "2"],
    ],
)
def test_options_of_every_kind(animate, save, flags):
    rng = np.random.default_rng(3)
    save("photo.png", rng.integers(0, 256, (9, 8, 3), np.uint8))
    save("bank.npy", rng.integers(-3, 4, (2, 3, 3, 3)))
    assert names_of(animate(*flags, "photo.png", "--to", "0,1", "-o", "a.webp")) == ["a.webp"]


@pytest.mark.slow
def test_signals_along_rows_and_columns(animate, save):
    save("row.txt", [[1, 5, 2, 4]])
    save("column.txt", [[1], [5], [2], [4]])
    names_of(animate("-k", "1 -1", "row.txt", "-o", "row.webp"))
    names_of(animate("-k", "1; -1", "column.txt", "-o", "column.webp"))
    assert len(frames_in("row.webp")[0]) == len(frames_in("column.webp")[0]) == 4


@pytest.mark.slow
def test_an_image_from_standard_input(animate):
    ran = animate("-k", "blur", "-", "--to", "0,1", "-o", "a.gif", stdin=b"1 2 3\n4 5 6\n7 8 9\n")
    assert names_of(ran) == ["a.gif"]


@pytest.mark.slow
def test_no_file_is_replaced_unless_asked(animate):
    Path("a.webp").write_bytes(b"mine")
    command = ["-k", "blur", "toy.csv", "--step", "9", "-o", "a.webp"]
    animate(*command).fails(2, "already", "--overwrite")
    assert Path("a.webp").read_bytes() == b"mine"
    names_of(animate(*command, "--overwrite"))
    assert len(frames_in("a.webp")[0]) == 5


@pytest.mark.slow
def test_frames_in_a_folder_are_replaced_if_asked_and_those_of_a_longer_run_do_not_stay(animate):
    command = ["-k", "blur", "toy.csv", "-o", "steps", "--step"]
    names = names_of(animate(*command, "5"))
    assert names == [f"steps/frame-000{n}.png" for n in range(1, 9)]
    assert sorted(map(str, Path("steps").iterdir())) == names
    Path("steps/notes.txt").write_text("mine")
    animate(*command, "20").fails(2, "already", "--overwrite")
    names_of(animate(*command, "20", "--overwrite"))
    left = ["frame-0001.png", "frame-0002.png", "frame-0003.png", "notes.txt"]
    assert sorted(path.name for path in Path("steps").iterdir()) == left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["-k", "blur", "toy.csv", "-o", "a.avi"], 2, "one of .gif, .webp, .mp4, .pdf, or"),
        (["-k", "blur", "toy.csv", "-o", "-"], 2, "name a file or folder"),
        (["-k", "blur", "toy.csv"], 2, "--output"),
        (["-k", "no-such", "toy.csv", "-o", "a.gif"], 2, "no-such"),
        (["-k", "blur", "missing.csv", "-o", "a.gif"], 1, "missing.csv"),
        (["-k", "blur", "-k", "outline", "toy.csv", "-o", "a.gif"], 2, "--combine"),
        (["-k", "blur", "toy.csv", "-o", "a.gif", "--from", "6,0"], 1, "outside the 6x6"),
        (["-k", "blur", "toy.csv", "-o", "a.gif", "--from", "2,0", "--to", "1,5"], 1, "before"),
        (["-k", "box:9", "toy.csv", "-o", "a.gif", "--padding", "valid"], 1, "exceeds the 6x6"),
        (["-k", "-", "-", "-o", "a.gif"], 2, "standard input"),
        (["-k", "blur", "deep.npy", "-o", "a.gif"], 1, "1 or 3 channels, not of 5"),
        (["-k", "blur", "toy.csv", "-o", "toy.csv/a.gif"], 1, "toy.csv"),
    ],
)
def test_what_cannot_be_is_one_line(animate, save, flags, code, said):
    save("deep.npy", np.zeros((4, 4, 5)))
    ran = animate(*flags)
    assert ran.code == code, ran
    assert said in ran.err
    assert len(ran.errors) == 1
    assert "Traceback" not in ran.err
    assert not list(Path().glob("a.*"))
    assert not list(Path().glob(".convcli-*"))


@pytest.mark.parametrize("flags", [["--fps", "0"], ["--fps", "99"], ["--step", "0"], ["--to", "3"]])
def test_numbers_out_of_range(animate, flags):
    ran = animate("-k", "blur", "toy.csv", "-o", "a.gif", *flags)
    assert ran.code == 2
    assert flags[0] in ran.err


def test_without_ffmpeg_a_video_is_refused_before_anything_is_read(animate, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    animate("-k", "blur", "missing.csv", "-o", "a.mp4").fails(2, "needs the program ffmpeg", ".gif")


@pytest.mark.slow
def test_an_ffmpeg_that_fails_is_quoted_and_leaves_nothing(animate, monkeypatch, tmp_path):
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Unknown encoder' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    animate("-k", "blur", "toy.csv", "-o", "a.mp4").fails(1, "ffmpeg", "Unknown encoder")
    assert not list(tmp_path.glob("a.mp4"))
    assert not list(tmp_path.glob(".convcli-*"))


@pytest.mark.slow
def test_a_bar_shows_on_a_terminal_only(program, animate):
    master, slave = os.openpty()
    command = [*program, "animate", "-k", "blur", "toy.csv", "--to", "0,3", "-o", "a.gif"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, timeout=60)
    os.close(slave)
    shown = os.read(master, 1 << 16)
    os.close(master)
    assert done.stdout == b"a.gif\n"
    assert b"frames" in shown
    assert b"100%" in shown
    assert names_of(animate(*command[len(program) + 1 :], "--overwrite")) == ["a.gif"]


def test_help_has_examples(animate):
    text = "\n".join(names_of(animate("--help")))
    assert "  convcli animate -k prewitt-x toy.csv -o edges.gif" in text


@pytest.mark.slow
def test_a_gif_of_one_frame(animate):
    names_of(animate("-k", "3", "toy.csv", "--from", "1,1", "--to", "1,1", "-o", "a.gif"))
    assert len(frames_in("a.gif")[0]) == 1


@pytest.mark.slow
def test_missing_pixels_are_left_out(convcli, here):
    (here / "holes.txt").write_text("1 2 -9\n3 4 5\n6 -9 8\n")
    words = ("animate", "-k", "blur", "holes.txt", "--to", "0,0", "-o", "out/")
    assert convcli(*words, "--nodata", "-9").code == 0
    with_holes = (here / "out" / "frame-0001.png").read_bytes()
    assert convcli(*words, "--overwrite").code == 0
    assert (here / "out" / "frame-0001.png").read_bytes() != with_holes
    ran = convcli("animate", "--layer", "relu", "holes.txt", "--nodata", "-9", "-o", "out.gif")
    said = "Error: --layer animates values of all pixels; leave out --nodata\n"
    assert (ran.code, ran.err) == (2, said)
