"""Damaged files of every kind: each is read as a valid image, or refused in one line."""

import io
import time
import warnings
from itertools import islice

import pytest
import verdicts
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged
from seeds import arrays, groups, images, texts
from verdicts import check_image, judge_image

from convcli.choices import CHANNELS
from convcli.errors import ImageError
from convcli.images.reading import read_frames, read_image

GROUPS = groups()
EVERY_FILE = tuple(data for files in GROUPS.values() for data in files.values())
OURS = (*arrays().values(), *texts().values())
WELL_KNOWN = {"PNG", "JPEG", "TIFF", "GIF", "BMP", "PPM", "ICO", "TGA", "FITS", "XPM", "PSD"}
SUFFIXES = (".png", ".jpg", ".npy", ".csv", ".txt", ".CSV", "")
NAMES = ("it", "two\nlines.png", "\x1b[31mred", "\udcff.tif", "", "a b: c.csv")
SIZES = (None, (1, 1), (3, 9), (300, 2), (0, 5), (-1, -1), (1001, 1000), (2**40, 2**40))
chance = st.randoms(use_true_random=False)
pytestmark = [pytest.mark.fuzz, pytest.mark.usefixtures("folder", "little_memory")]


def damage_to(files):
    """Return damaged copies of some files; a map, so that a failure shows the bytes."""
    return chance.map(lambda rng: damaged(rng.choice(files), rng, EVERY_FILE))


def test_what_is_damaged_is_sound_to_begin_with():
    assert set(GROUPS) >= WELL_KNOWN
    for form, files in images().items():
        for data in files.values():
            frames = list(read_frames(io.BytesIO(data), name="it"))
            assert frames[0].format in (form, "JPEG", "MPO", "BMP", "ICO")
    assert sum(judge_image(io.BytesIO(data)) for data in texts().values()) >= 5


def test_the_verdict_is_guilty_where_it_should_be():
    image = read_image(io.BytesIO(GROUPS["PNG"]["RGB"]), name="it")
    with pytest.raises(AssertionError):
        check_image(image, max_pixels=34)
    object.__setattr__(image, "notes", ("two\nlines",))
    with pytest.raises(AssertionError):
        check_image(image, max_pixels=35)


@pytest.mark.parametrize("fault", [LookupError, UserWarning, ImageError])
def test_every_fault_of_a_reader_is_detected(fault, monkeypatch):
    """An unexpected exception, or a refusal that names another file, fails the check."""

    def faulty(*_, **__):
        if fault is UserWarning:
            warnings.warn("x", fault, stacklevel=1)
        raise fault("other", "words") if fault is ImageError else fault

    monkeypatch.setattr(verdicts, "read_image", faulty)
    with pytest.raises(AssertionError if fault is ImageError else fault):
        judge_image(io.BytesIO(b"x"))


def test_a_hanging_reader_is_stopped(monkeypatch):
    monkeypatch.setattr(verdicts, "SECONDS", 0.05)
    monkeypatch.setattr(verdicts, "read_image", lambda *_, **__: time.sleep(9))
    with pytest.raises(verdicts.OverdueError):
        judge_image(io.BytesIO(b"x"))


@pytest.mark.parametrize("form", GROUPS)
def test_files_cut_short_at_every_byte(form):
    data = min(GROUPS[form].values(), key=len)
    for end in range(0, len(data), 1 + len(data) // 300):
        judge_image(io.BytesIO(data[:end]))


@pytest.mark.parametrize("form", GROUPS)
@settings(max_examples=30)
@given(data=st.data())
def test_damaged_streams(form, data):
    judge_image(io.BytesIO(data.draw(damage_to(list(GROUPS[form].values())))))


@settings(max_examples=100)
@given(data=damage_to(EVERY_FILE), suffix=st.sampled_from(SUFFIXES))
def test_damaged_files_under_any_suffix(folder, data, suffix):
    path = folder / f"it{suffix}"
    path.write_bytes(data)
    judge_image(path, name=str(path))


@settings(max_examples=100)
@given(
    data=damage_to(EVERY_FILE) | st.sampled_from(EVERY_FILE),
    name=st.sampled_from(NAMES),
    channels=st.sampled_from((*CHANNELS, "alpha", "")),
    resize=st.sampled_from(SIZES),
    max_pixels=st.sampled_from((0, 1, 34, 35, 10**6)),
)
def test_damaged_files_with_every_option(data, **options):
    judge_image(io.BytesIO(data), **options)


@settings(max_examples=150)
@given(
    data=damage_to(OURS),
    suffix=st.sampled_from((".csv", ".txt", "")),
    channels=st.sampled_from(CHANNELS),
)
def test_damaged_matrices(folder, data, suffix, channels):
    """Arrays and text are read by our own code, not Pillow's, and get more examples."""
    path = folder / f"it{suffix}"
    path.write_bytes(data)
    judge_image(path)
    judge_image(io.BytesIO(data), resize=(3, 9), channels=channels)


@settings(max_examples=100)
@given(data=st.binary(max_size=300))
def test_bytes_that_are_nothing(data):
    judge_image(io.BytesIO(data))


@settings(max_examples=100)
@given(text=st.text(st.characters(codec="utf-8"), max_size=100), suffix=st.sampled_from(SUFFIXES))
def test_text_of_any_kind(folder, text, suffix):
    path = folder / f"text{suffix}"
    path.write_text(text, encoding="utf-8", newline="")
    judge_image(path)


def test_a_circle_of_pages_is_not_followed_for_ever():
    """The directory of a TIFF may link to itself as the next one."""
    data = GROUPS["TIFF"]["L"]
    first = int.from_bytes(data[4:8], "little")
    following = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    circle = data[:following] + data[4:8] + data[following + 4 :]
    frames = islice(read_frames(io.BytesIO(circle), name="it"), 100)
    assert len(list(frames)) < 100
