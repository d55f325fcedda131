"""MODEL[:LAYER]: where the file's name ends, and which of its tensors is meant."""

import numpy as np
import pytest

from convcli.errors import KernelError
from convcli.kernels.files import read_biases
from convcli.kernels.models.spec import parse_model
from convcli.kernels.spec import get_kernel, read_spec
from convcli.teaching.kernels.model_text import list_model


@pytest.mark.parametrize(
    ("text", "path", "layer"),
    [
        ("a.npz", "a.npz", ""),
        ("a.npz:", "a.npz", ""),
        ("a.NPZ:conv1/W", "a.NPZ", "conv1/W"),
        ("a.npz:conv1:0@3,x y", "a.npz", "conv1:0@3,x y"),
        ("a.npz:b.npz", "a.npz", "b.npz"),
        ("a.npz.safetensors:b", "a.npz.safetensors", "b"),
        ("a.npz.txt/b.safetensors:2", "a.npz.txt/b.safetensors", "2"),
        (r"C:\nets\a.npz:W", r"C:\nets\a.npz", "W"),
        ("signal:a.npz:b\nc", "signal:a.npz", "b\nc"),
        ("./.npz:b", "./.npz", "b"),
    ],
)
def test_the_file_ends_at_the_first_colon_after_a_suffix(text, path, layer):
    assert parse_model(text) == (path, layer)


@pytest.mark.parametrize(
    "text",
    ["", "outline", "gaussian:5,sigma=1.2", "a.npzz:b", "a.npz.txt", "npz", ".npz", "a.npz@90"],
)
def test_other_texts_name_no_model(text):
    assert parse_model(text) is None


def test_a_file_whose_whole_name_matches_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", W=np.ones((1, 1, 3, 3)))
    np.savez("a.npz:W.npz", W=np.full((1, 1, 2, 2), 7))
    (tmp_path / "a.npz:W").write_text("1 2 3")
    assert get_kernel("a.npz:W").matrix.tolist() == [[1, 2, 3]]
    assert get_kernel("a.npz:W.npz").matrix.tolist() == [[[7, 7], [7, 7]]]
    assert get_kernel("a.npz:1").matrix.shape == (1, 3, 3)


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A model of two convolutions, a matrix and biases, in the folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    arrays = {
        "conv1/b": rng.normal(size=4),
        "conv1/W": rng.normal(size=(4, 3, 5, 3)).astype("f4"),
        "2": rng.integers(-9, 9, (2, 4, 1, 1)),
        "edges": np.array([[-1, 0, 1]]),
        "over colors": rng.normal(size=(3, 2, 2)),
        "words": np.array(["a"]),
    }
    np.savez("net.npz", **arrays)
    return arrays


def bank(spec):
    return np.stack([kernel.weights for kernel in read_spec(spec).kernels])


def test_layers_are_named_or_counted(net):
    for spec in ("net.npz", "net.npz:conv1/W", "net.npz:1"):
        np.testing.assert_array_equal(bank(spec), net["conv1/W"])
    np.testing.assert_array_equal(bank("net.npz:2"), net["2"])
    assert get_kernel("net.npz:edges").matrix.tolist() == [[-1, 0, 1]]
    np.testing.assert_array_equal(get_kernel("net.npz:over colors").matrix, net["over colors"])


def test_kernels_are_named_as_typed_and_files_get_a_short_form(net):
    kernels = read_spec(" net.npz:conv1/W ")
    assert (kernels.label, kernels.slug) == ("net.npz:conv1/W", "net-conv1-W")
    assert kernels.kernels[1].name == "filter 2 of net.npz:conv1/W"
    assert kernels.kernels[1].slug == "net-conv1-W-2"
    assert kernels.kernels[1].source == "net.npz: conv1/W"
    assert read_spec("net.npz").slug == "net"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("none.npz", "none.npz: no such file"),
        (".:x.npz", ".:x.npz: no such file"),
        ("net.npz:3", "net.npz: has 2 convolutions, no number 3"),
        ("net.npz:0", "no number 0"),
        ("net.npz:conv1/w", "has no tensor 'conv1/w'; did you mean conv1/W"),
        ("net.npz:zzz", "has no tensor 'zzz'; it has conv1/b, conv1/W, 2, edges, ..."),
        ("net.npz:²", "has no tensor '²'"),
        ("net.npz:words", "net.npz: words: holds text"),
        ("net.npz:conv1/W@90", "has no tensor 'conv1/W@90'; did you mean conv1/W"),
    ],
)
def test_what_is_not_there_is_explained(net, spec, words):
    with pytest.raises(KernelError) as caught:
        read_spec(spec)
    assert words in str(caught.value)


def test_without_a_convolution_a_name_is_needed_unless_there_is_one_array(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("one.npz", np.eye(3))
    assert get_kernel("one.npz").matrix.tolist() == np.eye(3).tolist()
    assert get_kernel("one.npz@90").matrix.tolist() == np.eye(3)[:, ::-1].tolist()
    np.savez("two.npz", a=np.eye(3), b=np.eye(2))
    with pytest.raises(KernelError, match=r"four dimensions; name one of its tensors .*: a, b"):
        get_kernel("two.npz")
    np.savez("volumes.npz", w=np.ones((3, 3, 3, 1, 2)), b=np.ones(2))
    words = "; those of five are of a convolution of volumes; name one of its tensors"
    with pytest.raises(KernelError, match=words + " after a colon: b$"):
        get_kernel("volumes.npz")
    assert read_spec("volumes.npz:b").kernels[0].matrix.shape == (1, 2)
    text = list_model("volumes.npz")
    assert "\nw cannot be used: these may be weights of convolutions of volumes\n" in text
    np.savez("none.npz")
    with pytest.raises(KernelError, match=r"none\.npz: holds no arrays"):
        get_kernel("none.npz")
    np.savez("nan.npz", np.array([[np.nan]]))
    with pytest.raises(KernelError, match=r"nan\.npz: arr_0: .*finite"):
        get_kernel("nan.npz")


def test_a_bank_of_too_many_filters_is_refused(tmp_path):
    np.savez(tmp_path / "many.npz", np.ones((20_000, 1, 1, 1), "f4"))
    with pytest.raises(KernelError, match="20,000 filters; at most 16,384"):
        read_spec(str(tmp_path / "many.npz"))


def test_biases_are_tensors_of_a_model(net):
    assert read_biases("net.npz:conv1/b") == tuple(net["conv1/b"])
    assert read_biases("net.npz:2") == tuple(net["2"].ravel())
    for text, words in [
        ("net.npz", "--bias net.npz: name one of its tensors after a colon: conv1/b"),
        ("net.npz:c", "--bias net.npz: has no tensor 'c'"),
        ("none.npz:c", "--bias none.npz: no such file"),
    ]:
        with pytest.raises(KernelError, match=words):
            read_biases(text)
    np.savez("nan.npz", b=np.array([np.nan]))
    with pytest.raises(KernelError, match=r"--bias nan\.npz:b: must hold finite numbers"):
        read_biases("nan.npz:b")
