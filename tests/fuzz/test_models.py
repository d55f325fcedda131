"""Damaged files of networks: each gives valid kernels, or is refused in one line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged, damaged_inside
from seeds import models
from verdicts import judge_model

MODELS = models()
EVERY_FILE = tuple(data for files in MODELS.values() for data in files.values())
NAMES = ("conv1/W", "conv.weight", "conv", "W", "k", "fc", "w", "zz", "\n", "@9", "1", "2", "0")
LAYERS = ("", *(f":{name}" for name in NAMES))
chance = st.randoms(use_true_random=False)
pytestmark = [pytest.mark.fuzz, pytest.mark.usefixtures("folder", "little_memory")]


@pytest.mark.parametrize("suffix", MODELS)
def test_what_is_damaged_is_sound_to_begin_with(folder, suffix):
    for data in MODELS[suffix].values():
        assert judge_model(folder / f"it{suffix}", data, ":1")


@pytest.mark.parametrize("suffix", MODELS)
def test_files_cut_short(folder, suffix):
    data = min(MODELS[suffix].values(), key=len)
    for end in range(0, len(data), 1 + len(data) // 400):
        judge_model(folder / f"it{suffix}", data[:end])


@pytest.mark.parametrize("suffix", MODELS)
@settings(max_examples=160)
@given(rng=chance, layer=st.sampled_from(LAYERS))
def test_damaged_files(folder, suffix, rng, layer):
    data = damaged(rng.choice(list(MODELS[suffix].values())), rng, EVERY_FILE)
    judge_model(folder / f"it{suffix}", data, layer)


@pytest.mark.parametrize("suffix", MODELS)
@settings(max_examples=240)
@given(rng=chance, layer=st.sampled_from(LAYERS))
def test_files_damaged_inside(folder, suffix, rng, layer):
    data = damaged_inside(rng.choice(list(MODELS[suffix].values())), rng, EVERY_FILE)
    judge_model(folder / f"it{suffix}", data, layer)


@pytest.mark.parametrize("suffix", MODELS)
@settings(max_examples=100)
@given(data=st.binary(max_size=300) | st.sampled_from(EVERY_FILE))
def test_bytes_of_any_kind(folder, suffix, data):
    judge_model(folder / f"it{suffix}", data)
