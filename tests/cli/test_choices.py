"""The choices of the command line, typed there so that help stays light, are the library's."""

import click
import pytest

from convcli.choices import (
    ALPHAS,
    BORDER_SYNONYMS,
    BORDERS,
    CHANNELS,
    COMBINATIONS,
    MAX_PIXELS,
    METHODS,
    OPERATIONS,
    PADDINGS,
    RANGES,
)
from convcli.cli.apply import apply
from convcli.cli.options import BorderValue
from convcli.cli.varying import VARIED
from convcli.core.options import ConvOptions

OPTIONS = {parameter.name: parameter for parameter in apply.params}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("combine", COMBINATIONS),
        ("method", METHODS),
        ("alpha", ALPHAS),
        ("operation", OPERATIONS),
        ("channels", CHANNELS),
        ("range", RANGES),
    ],
)
def test_choices(name, known):
    assert isinstance(OPTIONS[name].type, click.Choice)
    assert list(OPTIONS[name].type.choices) == list(known)


def test_borders_and_their_synonyms():
    assert BorderValue.names == BORDERS
    assert set(BorderValue.synonyms) == set(BORDER_SYNONYMS)


def test_the_limit_of_pixels():
    assert OPTIONS["max_pixels"].default == MAX_PIXELS


def test_what_a_comparison_varies():
    tried = {vary: values for vary, (_, values) in VARIED.items()}
    assert tried["range"] == RANGES
    assert tried["operation"] == OPERATIONS
    assert tried["border"] == BORDERS
    assert set(tried["padding"]) == set(PADDINGS)
    assert set(tried) <= set(ConvOptions._fields) | {"range"}
