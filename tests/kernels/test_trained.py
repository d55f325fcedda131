"""The trained filters that come with convcli."""

import json
from pathlib import Path

import numpy as np
import pytest

import convcli
from convcli import KernelError, cross_correlate, get_filter, read_image
from convcli.kernels.catalogue import CATALOGUE, complete_kernel, list_json, list_text
from convcli.kernels.data.trained import TRAINED
from convcli.kernels.spec import read_spec

NAME = "trained:imagenet-7x7"
DATA = Path(convcli.__file__).parent / "kernels" / "data"
DEAD = (16, 22)


@pytest.fixture(scope="module")
def bank():
    """The weights, (64, 3, 7, 7)."""
    return np.stack([kernel.weights for kernel in get_filter(NAME).kernels])


def test_the_bank_is_64_filters_of_half_precision(bank):
    assert bank.shape == (64, 3, 7, 7)
    np.testing.assert_array_equal(bank, bank.astype(np.float16))
    assert (DATA / "trained-imagenet-7x7.npy").stat().st_size < 20_000


def test_two_filters_are_all_but_zero(bank):
    norms = np.sqrt((bank**2).sum((1, 2, 3)))
    weakest = np.argsort(norms)[:2] + 1
    assert sorted(weakest) == list(DEAD)
    assert np.sort(norms)[2] > 100 * np.sort(norms)[1]


def test_channels_are_red_green_and_blue(bank):
    """A filter that answers to a patch of a color does so to that of no other."""
    values = bank[:, :, 2:6, 2:6].sum((2, 3))
    for number, color in ((59, 1), (60, 0), (55, 2)):
        assert np.argmax(values[number - 1]) == color


def test_it_filters_as_the_network_does_after_the_means(bank):
    """A mean that is subtracted first changes a map by the sum of its filter times the mean."""
    image = read_image("@rocket")[:60, :80]
    means = np.array([123, 117, 104])
    maps = cross_correlate(image, get_filter(NAME), stride=2, padding="valid")
    centered = cross_correlate(image - means.astype(float), bank, stride=2, padding="valid")
    expected = np.broadcast_to(bank.sum((2, 3)) @ means, maps.shape)
    np.testing.assert_allclose(maps - centered, expected, atol=0.05)


def test_names_say_what_they_are():
    kernels = read_spec(NAME)
    assert (kernels.label, kernels.slug) == (NAME, "trained-imagenet-7x7")
    assert kernels.kernels[2].name == f"filter 3 of {NAME}"
    for words in ("123, 117, 104", "stride 2", "0 to 255", "which the weights do not contain"):
        assert words in kernels.note
    assert "BSD 2-clause" in kernels.kernels[0].source
    turned = read_spec(f"{NAME}@90").kernels[0].matrix
    np.testing.assert_array_equal(turned, np.rot90(kernels.kernels[0].matrix, axes=(1, 2)))
    with pytest.raises(KernelError, match=f"named 'trained:x'; there is {NAME}"):
        read_spec("trained:x")


def test_lists_and_completion_have_it_and_the_catalogue_does_not():
    assert f"  {NAME}\n" in list_text()
    [entry] = [each for each in json.loads(list_json()) if each["kind"] == "trained"]
    assert entry["name"] == NAME
    assert complete_kernel("train") == ["trained:"]
    assert complete_kernel("trained:") == [NAME]
    assert not any("trained" in name for name in CATALOGUE)


@pytest.mark.parametrize("trained", TRAINED.values(), ids=TRAINED)
def test_the_license_lies_beside_the_weights_and_is_declared(trained):
    text = (DATA / f"{trained.file}.txt").read_text()
    assert "Copyright 2016, Yahoo Inc." in text
    assert "Redistributions in binary form must reproduce" in text
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'"convcli/kernels/data/{trained.file}.txt"' in project
