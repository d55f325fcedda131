"""Kinds of errors, and file names that are safe to print."""

import os
import pickle
from pathlib import Path

import pytest

from convcli.errors import (
    ConvcliError,
    ExistingError,
    GeometryError,
    ImageError,
    KernelError,
    UsageError,
    prefix_errors,
    shown,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConvcliError("x"), 1),
        (ImageError("a.png", "x"), 1),
        (UsageError("x"), 2),
        (GeometryError("x"), 2),
        (KernelError("x"), 2),
    ],
)
def test_one_catch_and_one_exit_code(error, code):
    assert isinstance(error, ConvcliError)
    assert isinstance(error, ValueError) == (code == 2)
    assert error.exit_code == code
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))


def test_an_image_error_begins_with_the_name():
    error = ImageError(Path("a/b.png"), "is broken")
    assert str(error) == "a/b.png: is broken"
    copy = pickle.loads(pickle.dumps(error))
    assert (
        (copy.path, copy.problem) == (error.path, error.problem) == (Path("a/b.png"), "is broken")
    )


@pytest.mark.parametrize("kind", [ConvcliError, UsageError, GeometryError, KernelError])
def test_a_named_block_puts_its_name_before_faults(kind):
    with (
        pytest.raises(kind) as caught,
        prefix_errors("a.png"),
        prefix_errors("layer 2 (relu)"),
        prefix_errors(""),
    ):
        raise kind("is too small")
    assert (type(caught.value), str(caught.value)) == (kind, "a.png: layer 2 (relu): is too small")
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    "error", [ImageError("b.png", "x"), ExistingError("b.png", "x"), OSError("x")]
)
def test_a_named_block_leaves_what_has_a_name_and_what_is_not_ours(error):
    with pytest.raises(type(error)) as caught, prefix_errors("a.png"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain name.png", "plain name.png"),
        ("Küche 写真.png", "Küche 写真.png"),
        ("two\nlines", "two\\nlines"),
        ("\r\t\x1b[31m\0", "\\r\\t\\x1b[31m\\x00"),
        ("a\u2028b\u202eC\x85", "a\\u2028b\\u202eC\\x85"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\udce9.png"),
        ("\\", "\\"),
        (Path("x"), "x"),
    ],
)
def test_shown_prints_on_one_line(name, expected):
    assert shown(name) == expected
    shown(name).encode("utf-8")
    assert len(shown(name).splitlines()) == 1
