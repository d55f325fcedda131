"""A chain of layers in Python: its maps, its parts, its summary, and what is refused."""

import json
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from convcli import Chain, GeometryError, KernelError, UsageError, cross_correlate, get_kernel, pool
from convcli.cli.main import root

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (9, 11), np.uint8)
COLOR = RNG.integers(0, 256, (9, 11, 3), np.uint8)
TEXTS = ["conv -k sobel-x --padding valid", "relu", "maxpool 2"]


def by_hand(image):
    edges = cross_correlate(image, "sobel-x", padding="valid")
    return edges, np.maximum(edges, 0), pool(np.maximum(edges, 0), 2)


@pytest.mark.parametrize("image", [GRAY, COLOR, GRAY.astype(float)], ids=["gray", "RGB", "float"])
def test_it_runs_the_layers_in_order(image):
    before = image.copy()
    chain = Chain(TEXTS)
    *_, last = expected = by_hand(image)
    np.testing.assert_array_equal(chain(image), last)
    for ours, theirs in zip(chain.maps(image), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(image, before)


def test_images_of_every_kind():
    chain = Chain(TEXTS)
    expected = chain(GRAY)
    for image in (
        GRAY.tolist(),
        Image.fromarray(GRAY),
        GRAY.astype(">i4"),
        np.asfortranarray(GRAY),
    ):
        np.testing.assert_array_equal(chain(image), expected)
    assert chain(GRAY.astype(np.longdouble)).dtype == np.float64
    assert Chain("relu")([[True, False]]).tolist() == [[1, 0]]


def test_the_result_is_that_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = RNG.integers(0, 65536, (9, 11), np.uint16)  # emboss has a bias, in 8-bit levels
    for pixels, name in ((COLOR, "color.png"), (deep, "deep.png")):
        Image.fromarray(pixels).save(name)
        words = ["conv", "-k", "emboss", "-k", "gaussian:3", "leaky-relu", "avgpool", "2"]
        root.main(["chain", name, *words, "-o", f"{name}.npy"], standalone_mode=False)
        ours = Chain(" ".join(words))(pixels)
        np.testing.assert_array_equal(ours, np.load(f"{name}.npy"))


def test_a_result_of_one_map_has_two_dimensions():
    assert Chain(["channelpool max"])(COLOR).shape == (9, 11)
    assert Chain(["globalpool max"])(COLOR).shape == (1, 1, 3)
    assert Chain(["globalpool max", "channelpool avg"])(COLOR).shape == (1, 1)


def test_a_signal_gives_a_signal():
    chain = Chain(["conv -k '-1 0 1'", "relu", "maxpool 1,2"])
    assert [maps.tolist() for maps in chain.maps([4, 2, 8, 9])] == [
        [-2, 4, 7, 1],
        [0, 4, 7, 1],
        [4, 7],
    ]
    pair = Chain(["conv -k '1 0 0' -k '0 0 1'"])([1, 2, 3])
    assert pair.tolist() == [[1, 2], [1, 3], [2, 3]]
    assert Chain(["globalpool avg"])([1, 2, 6]).tolist() == [3]
    np.testing.assert_array_equal(chain(np.array([[4, 2, 8, 9]])), [[4, 7]])


@pytest.mark.parametrize(
    "layer", ["conv -k box:3", "conv -k 1 --padding 1", "maxpool 2 --padding 1"]
)
def test_a_layer_that_makes_rows_of_a_signal_is_refused(layer):
    chain = Chain(["relu", layer])
    with pytest.raises(UsageError, match=r"layer 2 \(.*0,N for its padding, or give \[signal\]"):
        chain([1, 2, 3, 4])
    with pytest.raises(UsageError, match="layer 2"):
        chain.summary((4,))
    assert chain([[1, 2, 3, 4]]).ndim == 2


def test_parts_of_a_chain_are_chains():
    chain = Chain(TEXTS)
    assert (len(chain), chain.layers, chain[1:].layers) == (3, tuple(TEXTS), tuple(TEXTS[1:]))
    assert [part.layers for part in chain] == [(text,) for text in TEXTS]
    edges, positive, _ = by_hand(GRAY)
    np.testing.assert_array_equal(chain[0](GRAY), edges)
    np.testing.assert_array_equal(chain[:2](GRAY), positive)
    np.testing.assert_array_equal(chain[-1](positive), chain(GRAY))
    with pytest.raises(IndexError):
        chain[3]
    with pytest.raises(UsageError, match="none of the 3 layers"):
        chain[3:]


def test_one_text_with_all_layers():
    for text in (" | ".join(TEXTS), " ".join(TEXTS)):
        assert Chain(text).layers == tuple(TEXTS)
    [layer] = Chain("conv -k '-1 0 1' --border zero").layers
    assert layer == "conv -k '-1 0 1' --border zero"
    assert Chain([layer])([1, 2, 3]).tolist() == [2, 2, -2]


def test_a_chain_can_be_pickled():
    chain = pickle.loads(pickle.dumps(Chain(TEXTS)))
    np.testing.assert_array_equal(chain(GRAY), Chain(TEXTS)(GRAY))


def test_repr_is_one_short_line():
    assert repr(Chain(["conv -k outline", "relu"])) == "Chain(['conv -k outline', 'relu'])"
    assert len(repr(Chain(["conv -k outline"] * 40))) < 80


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "layers is empty"),
        ("", "layers is empty"),
        (["relu", ""], "layer 2 is empty"),
        (["relu relu"], "layer 1: 'relu relu' is more than the layer relu: 'relu' follows"),
        (["relu | relu"], "'|' follows"),
        (["maxpol 2"], "did you mean maxpool"),
        (["relu", "maxpool"], "layer 2 (maxpool): Missing argument 'SIZE'"),
        (["conv -k 'a"], "No closing quotation"),
        (["conv -k nonsense"], "layer 1 (conv): no kernel is named 'nonsense'"),
        (3, "such as 'conv -k outline', not 3"),
        (["relu", get_kernel("blur")], "layers must be the text of each layer"),
    ],
)
def test_texts_that_are_no_layers_are_refused(layers, said):
    with pytest.raises(UsageError) as error:
        Chain(layers)
    assert said in str(error.value)


def test_standard_input_is_no_kernel_in_python():
    with pytest.raises(KernelError, match="standard input, which cannot be read here"):
        Chain(["conv -k -"])


@pytest.mark.parametrize("image", ["photo.png", 3, [[]], np.zeros((2, 2, 2, 2)), [["a"]]])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(UsageError, match="image"):
        Chain(["relu"])(image)


def test_an_error_names_the_layer():
    with pytest.raises(GeometryError, match=r"layer 3 \(maxpool 2x2\): window 2x2 exceeds"):
        Chain(TEXTS)([[1, 2, 3]] * 3)


# The summary


def test_the_summary_is_that_of_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(COLOR).save("color.png")
    words = ["conv", "-k", "gaussian:5", "relu", "maxpool", "2", "globalpool", "max"]
    summary = Chain(" ".join(words)).summary(COLOR.shape)
    root.main(["chain", "color.png", *words, "--summary"], standalone_mode=False)
    assert capsys.readouterr().out == f"{summary}\n"
    root.main(["chain", "color.png", *words, "--summary", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {"input": "color.png"} | summary.as_record()


def test_the_records_of_a_summary():
    summary = Chain(TEXTS).summary((9, 11))
    [conv, _, pooled] = summary.layers
    assert (conv.name, conv.label, conv.number) == ("conv", "conv sobel-x", 1)
    assert (conv.output_shape, conv.parameters, conv.multiply_adds) == ((7, 9), 9, 9 * 7 * 9)
    assert (pooled.receptive_field, pooled.jump, pooled.start) == ((4, 4), (2, 2), (0, 0))
    assert (summary.input_shape, summary.channels) == ((9, 11), 1)
    assert (summary.parameters, summary.multiply_adds) == (9, 567)
    assert repr(summary).count("\n") == 0
    assert Chain(TEXTS[:1]).summary((9, 11, 3)).multiply_adds == 3 * 567


def test_a_summary_without_an_input_leaves_out_what_depends_on_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((4, 5, 3, 3)))
    np.save("biases.npy", np.ones(6))
    summary = Chain(["conv -k bank.npy", "maxpool 2", "globalpool avg", "relu"]).summary()
    assert (summary.channels, summary.input_shape, summary.multiply_adds) == (5, None, None)
    fields = [(layer.receptive_field, layer.jump) for layer in summary.layers]
    assert fields == [((3, 3), (1, 1)), ((4, 4), (2, 2)), (None, (2, 2)), (None, (2, 2))]
    assert [layer.parameters for layer in summary.layers] == [180, 0, 0, 0]
    head, *_, last = str(summary).splitlines()
    assert head.split() == ["layer", "channels", "parameters", "field", "jump"]
    assert last.split() == ["total", "180"]
    assert json.dumps(summary.as_record())
    assert Chain(["conv -k bank.npy --groups 2"]).summary().channels == 10
    assert Chain(["conv -k blur -k box:5 --bias biases.npy"]).summary().channels == 3
    with pytest.raises(KernelError, match=r"layer 2 \(conv bank.npy\): .* sums over 5 channels"):
        Chain(["conv -k bank.npy", "conv -k bank.npy"]).summary()


@pytest.mark.parametrize("shape", ["abc", 3, (), (0, 3), (1, 2, 3, 4), (2.5, 3)])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(UsageError, match="input_shape"):
        Chain(TEXTS).summary(shape)


class Table(HTMLParser):
    """The rows of the tables of a page."""

    def __init__(self, text):
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.rows[-1][-1] += data


def test_a_notebook_shows_a_table_in_its_own_colors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chain = Chain(["conv -k '0 1; 1 0'", "maxpool 2"])
    rows = Table(chain._repr_html_()).rows
    assert rows[0] == ["", "layer", "channels", "parameters", "field", "jump"]
    assert rows[2] == ["1", "conv -k '0 1; 1 0'", "1", "4", "2x2", "1"]
    assert rows[-1] == ["", "total", "", "4", "", ""]
    assert "color" not in chain._repr_html_()
    summary = chain.summary((6, 8))
    lines = [line.split() for line in str(summary).splitlines()]
    cells = [" ".join(row).split() for row in Table(summary._repr_html_()).rows]
    assert cells == lines
    np.save("a&b.npy", np.ones((2, 2, 3, 3)))
    assert Table(Chain(["conv -k 'a&b.npy'"])._repr_html_()).rows[2][1] == "conv -k 'a&b.npy'"


def test_a_chain_that_fits_no_input_is_still_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((4, 5, 3, 3)))
    rows = Table(Chain(["conv -k bank.npy"] * 2)._repr_html_()).rows
    assert rows == [["", "layer"], ["1", "conv -k bank.npy"], ["2", "conv -k bank.npy"]]
