"""Weights of a network's layers as kernels of commands."""

import itertools
import json
import re

import numpy as np
import pytest

from convcli import Chain, UsageError, cross_correlate, get_filter, get_kernel


@pytest.fixture
def net(here, rng):
    """A model of one layer, 4 filters of 3x3 over RGB, and a depthwise one, beside a bank file."""
    weights = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    depthwise = rng.normal(size=(4, 1, 3, 3))
    np.savez(
        "net.npz",
        **{"c1/W": weights, "c1/b": rng.normal(size=4), "c2/W": depthwise, "k": np.eye(3)},
    )
    np.save("bank.npy", weights)
    np.save("b.npy", np.load("net.npz")["c1/b"])
    return weights


def test_apply_gives_the_maps_of_the_bank(net, apply, photo):
    for spec in ("bank.npy", "net.npz", "net.npz:c1/W", "net.npz:1"):
        out = spec.replace("/", "-").replace(":", "-") + ".maps.npy"
        ran = apply("-k", spec, "photo.png", "--stride", 2, "--range", "raw", "--stack", out)
        assert ran.code == 0, ran
        maps = np.load(out)
        np.testing.assert_array_equal(maps, np.load("bank.npy.maps.npy"))
    expected = cross_correlate(photo, net, stride=2)
    np.testing.assert_allclose(maps, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(
        cross_correlate(photo, get_filter("net.npz:c1/W")), cross_correlate(photo, net)
    )


def test_apply_draws_the_maps_in_a_grid_and_names_files_by_the_layer(net, apply, photo, load):
    assert apply("-k", "net.npz:c1/W", "photo.png", "--grid", "maps.png").code == 0
    assert load("maps.png").ndim == 3
    ran = apply("-k", "net.npz:c1/W", "photo.png", "--range", "rescale")
    assert ran.names == [f"photo_net-c1-W-{n}.png" for n in range(1, 5)]


def test_channels_in_the_order_of_caffe_are_turned(net, apply, convcli, photo):
    expected = cross_correlate(photo, net[:, ::-1], padding="same")
    options = ["--range", "raw", "--channel-order", "bgr"]
    for spec in ("net.npz", "bank.npy"):
        ran = apply("-k", spec, "photo.png", *options, "--stack", f"{spec}.maps.npy")
        assert ran.code == 0, ran
        np.testing.assert_array_equal(np.load(f"{spec}.maps.npy"), expected)
    chain = "chain", "photo.png", "conv", "-k", "net.npz"
    assert convcli(*chain, "--channel-order", "bgr", "-o", "maps.npy").code == 0
    np.testing.assert_array_equal(np.load("maps.npy"), expected)
    shown = convcli("kernels", "show", "net.npz", "--channel-order", "bgr", "--json").out
    assert json.loads(shown)["kernels"][1]["matrix"] == net[1, ::-1].astype(float).tolist()
    turned = get_filter("net.npz", channel_order="bgr")
    np.testing.assert_array_equal(cross_correlate(photo, turned), expected)
    options = ["--filter", "2", "--at", "3,4", "--channel-order", "bgr", "--json"]
    ran = convcli("explain", "-k", "net.npz", *options, "photo.png")
    value = json.loads(ran.out)["outputs"][0]["value"]
    np.testing.assert_allclose(value, expected[3, 4, 1], atol=0.01)


def test_an_order_of_channels_needs_three(net, apply, convcli, photo):
    for spec in ("net.npz:k", "net.npz:c2/W", "blur"):
        ran = apply("-k", spec, "photo.png", "--channel-order", "bgr", "-o", "out.png")
        ran.fails(2, "only kernels over three channels have an order of channels")
    with pytest.raises(UsageError, match="channel_order must be rgb or bgr, not 'rbg'"):
        get_filter("net.npz", channel_order="rbg")
    with pytest.raises(UsageError, match="channel_order must be a word, not 3"):
        get_kernel("net.npz:k", channel_order=3)
    page = "explore", "-k", "blur", "photo.png", "-o", "page.html"
    ran = convcli(*page, "--layer", "conv -k net.npz --channel-order bgr")
    ran.fails(2, "a page has no --channel-order; leave it out")


def test_the_command_of_a_page_has_the_order_of_channels(net, convcli, photo, here):
    page = "explore", "-k", "net.npz", "photo.png", "-o", "page.html"
    assert convcli(*page, "--channel-order", "bgr").code == 0
    text = (here / "page.html").read_text()
    assert re.search(r'"-k",\s*"net.npz",\s*"--channel-order",\s*"bgr"', text)


def test_verbose_names_the_options_of_the_network(apply, photo):
    arguments = ["-k", "trained:imagenet-7x7", "photo.png", "--stack"]
    told = "trained:imagenet-7x7: in the network stride 2, padding 3 of zeros"
    assert told in apply(*arguments, "a.npy", "-v").err
    assert told not in apply(*arguments, "b.npy").err


def test_a_chain_takes_weights_and_biases_by_name(net, convcli, photo):
    layer = ["relu", "-o"]
    assert convcli("chain", "photo.png", "conv", "-k", "net.npz:c1/W", "--bias", "net.npz:c1/b",
                   *layer, "a.npy").code == 0  # fmt: skip
    assert convcli("chain", "photo.png", "conv", "-k", "bank.npy", "--bias", "b.npy",
                   *layer, "b.out.npy").code == 0  # fmt: skip
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.out.npy"))


def test_depthwise_weights_need_groups(net, apply, convcli, photo):
    ran = apply("-k", "net.npz:c2/W", "photo.png", "--stack", "out.npy")
    assert ran.code == 1
    assert "sums over 1 channel" in ran.err
    np.savez("each.npz", W=np.load("net.npz")["c2/W"][:3])
    ran = apply("-k", "each.npz", "photo.png", "--stack", "out.npy")
    words = ran.err.splitlines()[0].split("convcli ")[-1]
    command = words.replace("IMAGE", "photo.png").replace("BANK", "each.npz")
    assert command.split()[-2:] == ["--groups", "3"]
    ran = convcli(*command.split(), "-o", "each.npy")
    assert ran.code == 0, ran
    ran = convcli("chain", "photo.png", "conv", "-k", "net.npz", "conv", "-k", "net.npz:c2/W",
                  "--groups", "4", "-o", "out.npy")  # fmt: skip
    assert ran.code == 0, ran


def test_a_network_that_removes_noise_runs_by_hand(here, rng, convcli):
    """Seven layers from an .npz file, as waifu2x stores them, against plain NumPy."""
    sides = [3, 4, 4, 6, 6, 8, 8, 3]
    image = rng.random((20, 18, 3), np.float32)
    named: dict[str, np.ndarray] = {}
    words, maps = [], image.astype(float)
    for number, (channels, filters) in enumerate(itertools.pairwise(sides), 1):
        weights = rng.normal(size=(filters, channels, 3, 3)).astype(np.float32)
        bias = rng.normal(size=filters).astype(np.float32)
        named |= {f"conv{number}/W": weights, f"conv{number}/b": bias}
        words += ["conv", "-k", f"net.npz:conv{number}/W", "--bias", f"net.npz:conv{number}/b"]
        words += ["--padding", "valid"]
        windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(0, 1))
        maps = np.einsum("hwcij,ncij->hwn", windows, weights) + bias
        if number < 7:
            words += ["leaky-relu", "0.1"]
            maps = np.where(maps < 0, 0.1 * maps, maps)
    np.savez("net.npz", **named)
    np.save("image.npy", image)
    ran = convcli("chain", "image.npy", *words, "-o", "clean.npy")
    assert ran.code == 0, ran
    np.testing.assert_allclose(np.load("clean.npy"), maps, rtol=0, atol=1e-5 * np.abs(maps).max())


def test_a_number_that_follows_no_option_is_told_apart_from_a_layer(convcli, photo):
    ran = convcli("chain", "photo.png", "relu", "0.1", "-o", "out.npy")
    ran.fails(2, "0.1 is no layer: a number follows an option, or a layer that takes one, such as ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "-k", "net.npz:c1/W", "photo.png", "--vary", "kernel", "-o", "out.png"],
        ["compare", "photo.png", "--vary", "kernel", "--values", "net.npz:k blur", "-o", "o.png"],
        ["code", "-k", "net.npz:k", "--for", "numpy"],
        ["kernels", "show", "net.npz:c1/W", "--json"],
        ["kernels", "show", "net.npz:c1/W", "--plot", "out.png"],
        ["explore", "-k", "net.npz:c1/W", "photo.png", "-o", "page.html"],
        ["animate", "-k", "net.npz:k", "photo.png", "--step", "99", "-o", "a.gif"],
        ["size", "--n", "9", "--layer", "conv -k net.npz:c2/W"],
        ["learn", "photo.png", "photo.png", "--size", "3", "--truth", "net.npz:k"],
    ],
    ids=" ".join,
)
def test_other_commands_take_a_layer_too(net, convcli, photo, arguments):
    ran = convcli(*arguments)
    assert ran.code == 0, ran


def test_explain_names_the_layer(net, convcli, photo):
    options = ["--filter", "2", "--at", "3,4", "--json"]
    ran = convcli("explain", "-k", "net.npz:c1/W", *options, "photo.png")
    assert json.loads(ran.out)["kernel"] == "filter 2 of net.npz:c1/W"


def test_list_prints_convolutions_with_numbers_and_the_other_tensors(net, convcli):
    text = convcli("kernels", "list", "net.npz").out.decode()
    assert text.splitlines() == [
        "net.npz: 2 convolutions, 2 other tensors",
        "",
        "   layer  filters  channels  size     type",
        "1  c1/W         4         3   3x3  float32",
        "2  c2/W         4         1   3x3  float64",
        "",
        "other tensor  shape     type",
        "c1/b          (4)    float64",
        "k             (3,3)  float64",
    ]
    data = json.loads(convcli("kernels", "list", "net.npz", "--json").out)
    assert data["file"] == "net.npz"
    assert [(each["number"], each["name"]) for each in data["convolutions"]] == [
        (1, "c1/W"),
        (2, "c2/W"),
    ]
    assert data["convolutions"][0]["shape"] == [4, 3, 3, 3]
    assert data["convolutions"][0]["stride"] is None
    assert [each["name"] for each in data["tensors"]] == ["c1/W", "c1/b", "c2/W", "k"]


def test_what_is_not_read_has_neither_shape_nor_type(convcli, here):
    np.savez("some.npz", w=np.ones((2, 1, 3, 3)), z=np.array([1j, 2]))
    text = convcli("kernels", "list", "some.npz").out.decode()
    assert text.endswith("other tensor  shape      type\nz             ?      not read\n")
    data = json.loads(convcli("kernels", "list", "some.npz", "--json").out)
    assert data["tensors"][1] == {"name": "z", "shape": None, "dtype": None}


def test_a_long_list_names_the_first_tensors_and_fits_a_terminal(convcli, here):
    names = [
        f"a layer with quite a long name that takes many columns, number {n}" for n in range(30)
    ]
    np.savez("long.npz", **{name: np.ones(3) for name in names}, w=np.ones((2, 3, 5, 7)))
    lines = convcli("kernels", "list", "long.npz").out.decode().splitlines()
    assert lines[0] == "long.npz: 1 convolution (float64), 30 other tensors"
    assert lines[-1] == "(10 more; --json lists all)"
    assert max(map(len, lines)) <= 80
    assert "1  w            2         3   7x5" in lines


@pytest.fixture
def onnx_net(here, rng):
    """A network of 8 filters over RGB, a depthwise layer, and a transposed one to 3 maps."""
    onnx = pytest.importorskip("onnx")
    make, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    shapes = {"w": (8, 3, 3, 3), "b": (8,), "dw": (8, 1, 3, 3), "up": (8, 3, 2, 2)}
    stored = [
        onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        make("Conv", ["x", "w", "b"], ["c"], "first", strides=[2, 2], pads=[1] * 4),
        make("Conv", ["c", "dw"], ["d"], "depthwise", group=8, pads=[1] * 4),
        make("ConvTranspose", ["d", "up"], ["y"], "last", strides=[2, 2]),
    ]
    inputs, outputs = [info("x", 1, [1, 3, 16, 16])], [info("y", 1, None)]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", inputs, outputs, stored)),
              "net.onnx")  # fmt: skip
    return "net.onnx"


def test_verbose_names_what_the_network_adds_and_how_it_slides(onnx_net, apply, photo):
    ran = apply("-k", onnx_net, "photo.png", "--stack", "maps.npy", "-v")
    assert "in the network stride 2, padding 1, dilation 1, groups 1, bias b\n" in ran.err


def test_size_takes_the_layers_of_a_network(onnx_net, convcli):
    summary = Chain(onnx_net).summary((16, 16, 3)).as_record()["layers"]
    ran = convcli("size", "--n", "16", "--layer", onnx_net, "--json")
    for layer, row in zip(json.loads(ran.out), summary, strict=True):
        assert (layer["label"], layer["output"]) == (row["label"], row["size"])
        assert layer["receptive_field"] == row["receptive_field"]
    layers = "--layer", "k=1", "--layer", f"{onnx_net}:first --mean 1,2,3", "--layer", "maxpool 2"
    lines = convcli("size", "--n", "16", *layers).out.decode().splitlines()
    assert [line.split()[:2] for line in lines[1:] if line[:1] != " "] == [
        ["1", "k=1"], ["2", "preprocess"], ["3", "conv"], ["4", "maxpool"]
    ]  # fmt: skip
    ran = convcli("size", "--n", "9", "--layer", onnx_net)
    ran.fails(2, "net.onnx takes inputs of 16x16, and this one is 9x9")
    ran = convcli("size", "--n", "9", "--layer", f"{onnx_net} relu")
    ran.fails(2, "give each layer its own text")


@pytest.mark.parametrize("options", [["-o", "out.png"], ["--grid", "out.png"], ["--plot", "o.png"]])
def test_weights_that_need_groups_are_refused_whatever_else(onnx_net, apply, photo, options):
    for layer in ("dw", "depthwise", "2"):
        ran = apply("-k", f"{onnx_net}:{layer}", "photo.png", *options)
        ran.fails(2, f"convcli chain IMAGE conv -k {onnx_net}:{layer} --groups 8 applies")


def test_groups_are_for_chains_and_programs(onnx_net, convcli, photo):
    for arguments in (["explain", "--at", "0,0"], ["explore", "-o", "a.html"]):
        ran = convcli(*arguments, "-k", f"{onnx_net}:dw", "photo.png")
        ran.fails(2, "conv -k net.onnx:dw --groups 8")
    layers = "net.onnx:first", "conv", "-k", "net.onnx:dw", "--groups", "8", "-o", "a.npy"
    assert convcli("chain", "photo.png", "--resize", "16x16", *layers).code == 0
    code = "code", "-k", "net.onnx:dw", "--for", "torch", "--groups", "8", "--snippet"
    assert "groups=8" in convcli(*code).out.decode()


def test_biases_are_no_kernels(onnx_net, apply, here, photo):
    ran = apply("-k", f"{onnx_net}:b", "photo.png", "-o", "out.png")
    ran.fails(2, "net.onnx: b: has one axis, as biases have; weights of convolutions are first, ")
    header = json.dumps({"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    content = len(header).to_bytes(8, "little") + header + np.ones(2, "<f4").tobytes()
    (here / "b.safetensors").write_bytes(content)
    apply("-k", "b.safetensors", "photo.png", "-o", "out.png").fails(2, "it has b")
    np.savez("row.npz", k=[1, 2, 1])  # an array that its user calls a kernel
    assert apply("-k", "row.npz", "photo.png", "-o", "out.png").code == 0


def test_show_says_of_transposed_weights_what_they_do(onnx_net, convcli):
    text = convcli("kernels", "show", f"{onnx_net}:last").out.decode()
    assert text.count("output map 3\n") == 8
    assert "input map 8 of net.onnx:last\n" in text
    for word in ("red", "filter", "channel", "output  ", "method", "symmetry"):
        assert word not in text
    data = json.loads(convcli("kernels", "show", f"{onnx_net}:last", "--json").out)
    assert {each["greatest"] for each in data["kernels"]} == {None}


@pytest.fixture
def keras_net(here, rng):
    """Return the weights (3, 2, 4, 5) of a transposed layer of Keras in ``net.h5``."""
    h5py = pytest.importorskip("h5py")
    weights = rng.integers(-5, 6, (4, 5, 2, 3)).astype(float)  # (kh, kw, N, C)
    layers = [
        {"class_name": kind, "config": {"name": name, "strides": [2, 2], "padding": padding}}
        for kind, name, padding in (
            ("Conv2D", "down", "valid"),
            ("Conv2DTranspose", "up", "same"),
        )
    ]
    with h5py.File("net.h5", "w") as root:
        root["model_weights/down/down/kernel"] = np.ones((3, 3, 1, 3))
        root["model_weights/up/up/kernel"] = weights
        config = {"class_name": "Sequential", "config": {"layers": layers}}
        root.attrs["model_config"] = json.dumps(config)
    return weights.transpose(3, 2, 0, 1)


def test_transposed_layers_are_named_with_the_command_that_applies_them(
    keras_net, convcli, apply, photo
):
    lines = convcli("kernels", "list", "net.h5").out.decode().splitlines()
    assert lines == [
        "net.h5: 2 convolutions (float64), 0 other tensors",
        "",
        "   layer  filters  channels  size  stride     padding",
        "1  down         3         1   3x3       2           0",
        "2  up           2         3   5x4       2  same-upper",
        "",
        "transposed: 2; the first is",
        "convcli chain IMAGE convtranspose -k net.h5:2 --stride 2 --padding 1,1,1,2",
    ]
    data = json.loads(convcli("kernels", "list", "net.h5", "--json").out)
    assert [each["transposed"] for each in data["convolutions"]] == [False, True]
    text = convcli("kernels", "show", "net.h5:up").out.decode()
    assert text.startswith("net.h5:up: 3 kernels, one for each input map\n")
    assert "transposed, stride 2" in text
    for spec in ("net.h5:up", "net.h5:2"):
        ran = apply("-k", spec, "photo.png", "-o", "out.png")
        ran.fails(2, f"chain IMAGE convtranspose -k {spec} --stride 2 --padding 1,1,1,2 applies")
    maps = np.arange(2.0 * 3 * 3).reshape(2, 3, 3) % 7
    np.save("maps.npy", maps)
    command = lines[-1].replace("IMAGE", "maps.npy").split()[1:]
    assert convcli(*command, "-o", "up.npy").code == 0
    whole = np.zeros((4 + 2, 6 + 3, 2))
    for row, column in np.ndindex(2, 3):
        added = np.einsum("c,cnij->ijn", maps[row, column], keras_net)
        whole[2 * row : 2 * row + 4, 2 * column : 2 * column + 5] += added
    np.testing.assert_array_equal(np.load("up.npy"), whole[1:-1, 1:-2])


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [3, 2], "pads": [0, 1, 2, 0], "output_padding": [1, 0]},
        {"strides": [1, 1], "auto_pad": "SAME_LOWER"},
        {"dilations": [2, 1], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    ],
    ids=["pads", "lower", "upper"],
)
def test_the_command_for_a_transposed_node_gives_what_onnx_gives(attributes, here, rng, convcli):
    onnx, reference = pytest.importorskip("onnx"), pytest.importorskip("onnx.reference")
    weights = rng.normal(size=(4, 2, 4, 3)).astype(np.float32)
    maps = rng.normal(size=(1, 4, 5, 6)).astype(np.float32)
    node = onnx.helper.make_node("ConvTranspose", ["x", "W"], ["y"], "up", **attributes)
    ends = [[onnx.helper.make_tensor_value_info(name, 1, [None] * 4)] for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "g", *ends, [onnx.numpy_helper.from_array(weights, "W")])
    network = onnx.helper.make_model(graph)
    onnx.save(network, "up.onnx")
    [expected] = reference.ReferenceEvaluator(network).run(None, {"x": maps})
    np.save("maps.npy", maps[0].transpose(1, 2, 0))
    command = convcli("kernels", "list", "up.onnx").out.decode().splitlines()[-1]
    ran = convcli(*command.replace("IMAGE", "maps.npy").split()[1:], "-o", "up.npy")
    assert ran.code == 0, ran
    np.testing.assert_allclose(
        np.load("up.npy"), expected[0].transpose(1, 2, 0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photo.png"], "photo.png: is no file of a network, whose names end in .npz"),
        (["sobel"], "sobel: is no file of a network"),
        (["net.npz:c1/W"], "list takes the file alone"),
        (["none.npz"], "none.npz: no such file"),
        (["net.npz", "--plot", "out.png"], "convcli kernels show MODEL:LAYER --plot FILE"),
        (["net.npz", "--group", "gradient"], "of the named kernels"),
        (["net.npz", "--theme", "dark"], "--theme is for figures"),
    ],
)
def test_lists_that_make_no_sense_are_refused(net, convcli, here, arguments, words):
    ran = convcli("kernels", "list", *arguments)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
    assert not (here / "out.png").exists()


def test_show_prints_a_line_for_each_filter_of_a_large_bank(convcli, here, rng):
    weights = rng.normal(size=(20, 3, 3, 3))
    weights[[2, 11]] = 1e-9
    np.savez("net.npz", W=weights)
    assert convcli("kernels", "show", "net.npz", "-o", "bank.npy").code == 0
    np.testing.assert_array_equal(np.load("bank.npy"), weights)
    convcli("kernels", "show", "net.npz", "-o", "bank.txt").fails(2, "but one is needed")
    lines = convcli("kernels", "show", "net.npz").out.decode().splitlines()
    assert lines[0] == "net.npz: 20 kernels 3x3 over 3 channels, one result each"
    for number, each in enumerate(weights, 1):
        row = lines[2 + number].split()
        norm = np.sqrt((each**2).sum())
        np.testing.assert_allclose(
            [float(cell) for cell in row], [number, each.sum(), each.min(), each.max(), norm], 1e-4
        )
    assert lines[-2] == "all but zero, with a norm under 2% of the median: 3, 12"
    assert lines[-1] == "source: net.npz: W"
    lines = convcli("kernels", "show", "net.npz", "--digits", "2").out.decode().splitlines()
    assert lines[3].split()[1] == f"{weights[0].sum():.2f}"


def test_show_tells_about_trained_filters(convcli, here):
    text = " ".join(convcli("kernels", "show", "trained:imagenet-7x7").out.decode().split())
    for words in (
        "64 filters over red, green, blue that a first layer learned from photographs",
        "under 2% of the median: 16, 22",
        "subtracts 123, 117, 104 (red, green, blue)",
        "BSD 2-clause license",
    ):
        assert words in text
    ran = convcli("kernels", "show", "trained:imagenet-7x7", "--plot", "tiles.png")
    assert ran.names == ["tiles.png"]
    ran = convcli("explore", "-k", "trained:imagenet-7x7", "@rocket", "--max-side", "20", "-o", "-")
    assert ran.code == 0, ran
    assert b"trained:imagenet-7x7" in ran.out
    ran = convcli("kernels", "list", "--plot", "sheet.png", "--group", "trained")
    assert ran.code == 2


def test_show_prints_all_weights_of_few_filters(net, convcli):
    text = convcli("kernels", "show", "net.npz:c1/W").out.decode()
    assert text.count("size       3x3") == 4


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("net.npz:c1/w", "net.npz: has no tensor 'c1/w'; did you mean c1/W"),
        ("net.npz:9", "net.npz: has 2 convolutions, no number 9"),
        ("none.npz:1", "none.npz: no such file"),
        ("broken.npz", "broken.npz: is damaged, or no zip file"),
        ("broken.safetensors", "broken.safetensors: is no .safetensors file"),
    ],
)
def test_one_line_says_what_is_wrong(net, apply, photo, here, spec, words):
    for name in ("broken.npz", "broken.safetensors"):
        (here / name).write_bytes(b"PK\3\4 not\nreally" * 9)
    apply("-k", spec, "photo.png").fails(2, words)
