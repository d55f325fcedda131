"""Files of Keras: weights are turned to (N, C, kh, kw); nothing outside the file is read."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from convcli.errors import KernelError, UsageError
from convcli.kernels.models import hdf5
from convcli.kernels.models.hdf5 import read_model
from convcli.kernels.models.keras_config import KerasLayer
from convcli.kernels.spec import read_spec

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(5)
KERNEL = RNG.normal(size=(5, 3, 2, 4)).astype(np.float32)  # (kh, kw, C, N)
TURNED = np.transpose(KERNEL, (3, 2, 0, 1))
DEPTHWISE = RNG.normal(size=(3, 3, 2, 3))  # (kh, kw, C, M)


def written(arrays, layer_names=None, **options):
    """Return an HDF5 file of arrays by path."""
    with h5py.File(file := io.BytesIO(), "w") as root:
        for path, array in arrays.items():
            root.create_dataset(path, data=array, **options)
        if layer_names is not None:
            root.require_group("model_weights").attrs["layer_names"] = layer_names
    return file.getvalue()


def zipped(data, method=zipfile.ZIP_STORED, name="model.weights.h5", config="{}"):
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
        archive.writestr("config.json", config)
        archive.writestr(name, data)
        archive.writestr("metadata.json", "{}" * 99)
    return file.getvalue()


def opened(data):
    return read_model(io.BytesIO(data))


def refusal(data):
    with pytest.raises(KernelError) as caught:
        [tensor.numbers() for tensor in opened(data).tensors]
    assert str(caught.value).isprintable()
    return str(caught.value)


KERAS_2 = {"conv2d/conv2d/kernel:0": KERNEL, "conv2d/conv2d/bias:0": np.ones(4)}
KERAS_3 = {"layers/conv2d/vars/0": KERNEL, "layers/conv2d/vars/1": np.ones(4)}


@pytest.mark.parametrize(
    ("arrays", "layer"),
    [
        (KERAS_2, "conv2d"),
        ({f"model_weights/{path}": array for path, array in KERAS_2.items()}, "conv2d"),
        (KERAS_3, "layers/conv2d"),
        ({"W": KERNEL}, "W"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"chunks": True}])
def test_weights_are_turned_to_filters_first(arrays, layer, options, tmp_path):
    data = written(arrays, **options)
    for suffix, content in ((".h5", data), (".keras", zipped(data)), (".hdf5", data)):
        (tmp_path / f"net{suffix}").write_bytes(content)
        for name in ("", ":1", f":{layer}", f":{next(iter(arrays))}"):
            kernels = read_spec(f"{tmp_path}/net{suffix}{name}").kernels
            np.testing.assert_array_equal(np.stack([k.weights for k in kernels]), TURNED)
    [convolution] = opened(data).convolutions
    assert (convolution.name, convolution.weights.shape) == (layer, (4, 2, 5, 3))


@pytest.mark.parametrize(
    "path",
    [
        "d/d/depthwise_kernel:0",
        "layers/depthwise_conv2d_1/vars/0",
        "layers/separable_conv2d/vars/0",
    ],
)
def test_depthwise_weights_have_a_filter_for_each_channel_and_multiplier(path):
    [tensor] = opened(written({path: DEPTHWISE})).tensors
    assert tensor.shape == (6, 1, 3, 3)
    found = tensor.numbers()
    for channel in range(2):
        for each in range(3):
            expected = DEPTHWISE[:, :, channel, each]
            np.testing.assert_array_equal(found[channel * 3 + each, 0], expected)


def test_weights_of_one_dimension(tmp_path):
    weights = RNG.normal(size=(7, 2, 3))  # (k, C, N)
    (tmp_path / "net.h5").write_bytes(written({"conv1d/kernel:0": weights}))
    kernels = read_spec(f"{tmp_path}/net.h5:conv1d/kernel:0").kernels
    np.testing.assert_array_equal(
        np.stack([k.weights for k in kernels])[:, :, 0], weights.transpose(2, 1, 0)
    )


def test_layers_come_in_the_order_of_the_network():
    arrays = {f"conv2d_{n}/kernel:0": KERNEL for n in (10, 2, 1)} | {"stem/kernel:0": KERNEL}
    names = [each.name for each in opened(written(arrays)).convolutions]
    assert names == ["conv2d_1", "conv2d_2", "conv2d_10", "stem"]
    listed = {f"model_weights/{path}": array for path, array in arrays.items()}
    for order in ([b"stem", b"conv2d_10", b"conv2d_1"], ["stem", "conv2d_10", "conv2d_1"]):
        names = [each.name for each in opened(written(listed, order)).convolutions]
        assert names == ["stem", "conv2d_10", "conv2d_1", "conv2d_2"]


def described(kind, name, settings=(), **more):
    """Return a layer as Keras describes it."""
    return {"class_name": kind, "config": {"name": name, **dict(settings), **more}}


STEM = described("Conv2D", "stem", strides=[2, 1], padding="same", dilation_rate=[1, 3], groups=2)
LAYERS = [
    described("InputLayer", "input"),
    STEM,
    described("DepthwiseConv2D", "each", strides=[1, 1], padding="valid", dilation_rate=[1, 1]),
    described("TimeDistributed", "wrapped", layer=described("Conv2D", "own", strides=[3, 3])),
    described(
        "Sequential",
        "inner",
        layers=[described("Conv2D", "late", padding="causal"), described("Dense", "dense")],
    ),
    described("Conv2DTranspose", "up", strides=[2, 2], padding="same"),
    described("SeparableConv2D", "apart", strides=[2, 2], padding="same"),
    described("Conv1D", "line", strides=[2]),
]
MODEL = json.dumps({"class_name": "Functional", "config": {"name": "net", "layers": LAYERS}})
SEPARATE = np.ones((1, 1, 6, 5))
EXPECTED = [  # name, shape, stride, padding, dilation, groups, is_transposed
    ("stem", (4, 2, 5, 3), (2, 1), "same-upper", (1, 3), 2, False),
    ("each", (6, 1, 3, 3), (1, 1), "0", (1, 1), 2, False),
    ("wrapped", (4, 2, 5, 3), (3, 3), None, None, 1, False),
    ("inner/late", (4, 2, 5, 3), None, "causal", None, 1, False),
    ("up", (4, 2, 5, 3), (2, 2), "same-upper", None, 1, True),
    ("apart/depthwise_kernel", (6, 1, 3, 3), (2, 2), "same-upper", None, 2, False),
    ("apart/pointwise_kernel", (5, 6, 1, 1), (1, 1), "0", (1, 1), 1, False),
    ("line", (3, 2, 7), (1, 2), None, None, 1, False),
]


def keras_3():
    """Return a file whose paths are made of classes, in another order than the network's."""
    arrays = {"conv2d": KERNEL, "depthwise_conv2d": DEPTHWISE, "time_distributed/layer": KERNEL}
    arrays |= {"sequential/layers/conv2d": KERNEL, "sequential/layers/dense": np.ones((2, 2, 2))}
    arrays |= {"conv2d_transpose": KERNEL, "separable_conv2d": DEPTHWISE}
    arrays |= {"conv1d": np.ones((7, 2, 3))}
    paths = {f"layers/{path}/vars/0": array for path, array in arrays.items()}
    paths |= {"layers/separable_conv2d/vars/1": SEPARATE, "layers/conv2d/vars/1": np.ones(4)}
    return zipped(written(paths), config=MODEL)


def keras_2():
    """Return a file whose paths are made of names."""
    arrays = {"stem/stem/kernel:0": KERNEL, "each/each/kernel": DEPTHWISE, "wrapped/own": KERNEL}
    arrays |= {"inner/inner/late/kernel": KERNEL, "inner/dense/kernel:0": np.ones((2, 2, 2))}
    arrays |= {"up/up/kernel:0": KERNEL, "apart/apart/depthwise_kernel:0": DEPTHWISE}
    arrays |= {"apart/apart/pointwise_kernel:0": SEPARATE, "line/kernel:0": np.ones((7, 2, 3))}
    with h5py.File(file := io.BytesIO(), "w") as root:
        for path, array in arrays.items():
            root[f"model_weights/{path}"] = array
        root.attrs["model_config"] = MODEL
    return file.getvalue()


@pytest.mark.parametrize("data", [keras_3(), keras_2()], ids=["keras 3", "keras 2"])
def test_layers_have_the_order_names_and_settings_of_the_network(data):
    model = opened(data)
    found = [(each.name, each.weights.shape, *each[2:7]) for each in model.convolutions]
    assert found == EXPECTED
    for each in model.convolutions[:1]:
        np.testing.assert_array_equal(each.weights.numbers(), TURNED)
    [dense] = [tensor for tensor in model.tensors if "dense" in tensor.name]
    assert (dense.shape, dense.numbers().shape) == ((2, 2, 2), (2, 2, 2))


def test_keras_adds_what_a_stride_larger_than_the_kernel_leaves():
    up = described("Conv2DTranspose", "up", strides=[7, 3], padding="valid")
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [up]}})
    data = zipped(written({"layers/conv2d_transpose/vars/0": KERNEL}), config=config)
    [convolution] = opened(data).convolutions  # 5x3
    assert convolution.output_padding == (2, 0)


def test_names_of_layers_may_hold_slashes():
    config = {"class_name": "Sequential", "config": [described("Conv2D", "conv1/bn", groups=3)]}
    with h5py.File(file := io.BytesIO(), "w") as root:
        root["model_weights/conv1/bn/conv1/bn/kernel:0"] = KERNEL
        root.attrs["model_config"] = json.dumps(config).encode()
    [convolution] = opened(file.getvalue()).convolutions
    assert (convolution.name, convolution.groups) == ("conv1/bn", 3)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        *[("Conv2D", "conv2d"), ("DepthwiseConv2D", "depthwise_conv2d"), ("ReLU", "re_lu")],
        *[("Conv2DTranspose", "conv2d_transpose"), ("MyNetV2", "my_net_v2"), ("LSTM", "lstm")],
        *[("GlobalAveragePooling2D", "global_average_pooling2d"), ("GELUBlock", "gelu_block")],
    ],
)
def test_classes_have_the_words_of_keras(kind, word):
    assert KerasLayer("", kind, 0, {}).word == word


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "what describes its layers is not valid JSON"),
        ("[" * 10**5, "what describes its layers is not valid JSON"),
        (" " * (2**22 + 1), "config.json of more than 4 MiB"),
        (json.dumps({"class_name": "A", "config": {"layers": [STEM] * 10_001}}), "10,000 layers"),
    ],
    ids=["no JSON", "deep", "long", "layers"],
)
def test_descriptions_that_are_damaged(config, words):
    assert words in refusal(zipped(written(KERAS_3), config=config))
    if len(config) <= 2**22:  # an attribute of HDF5 has no more, unless it is written otherwise
        with h5py.File(file := io.BytesIO(), "w") as root:
            root.attrs["model_config"] = config
        assert words in refusal(file.getvalue())


LAYER_OF_NONSENSE = described("Conv2D", 7, strides=["a"], padding=[], dilation_rate=-1, groups={})


@pytest.mark.parametrize(
    "layers",
    [
        None,
        {"a": 1},
        [None, 3, {}, {"class_name": 1}, {"class_name": "Conv2D", "config": 5}],
        [described("Conv2D", "c", strides=[2**40, 1], layer=[3], layers="x")],
        [LAYER_OF_NONSENSE],
        [described("Conv2D", "c", strides=[True, 2.5], padding="other", groups=0)],
    ],
)
def test_descriptions_of_nonsense_tell_nothing(layers):
    config = json.dumps({"class_name": "Model", "config": {"layers": layers}})
    [convolution] = opened(zipped(written(KERAS_3), config=config)).convolutions
    assert (convolution.stride, convolution.padding, convolution.dilation) == (None, None, None)
    np.testing.assert_array_equal(convolution.weights.numbers(), TURNED)


def test_models_in_models_are_described_to_a_depth():
    inner = STEM
    for _ in range(200):
        inner = described("Sequential", "s", layers=[inner])
    config = json.dumps(described("Functional", "net", layers=[inner]))
    [convolution] = opened(zipped(written(KERAS_3), config=config)).convolutions
    assert convolution.name == "layers/conv2d"


def test_links_to_other_files_and_circles_are_not_followed(tmp_path):
    (tmp_path / "secret.h5").write_bytes(written({"W": KERNEL}))
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as root:
        root["a/W"] = KERNEL
        root["external"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/W")
        root["soft"] = h5py.SoftLink("/a/W")
        root["dangling"] = h5py.SoftLink("/nothing")
        root["a/again"] = root["a/W"]
        root["a/circle"] = root["/"]
    with path.open("rb") as file:
        assert [tensor.name for tensor in read_model(file).tensors] == ["a/W"]


def test_arrays_that_lie_in_other_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").write_bytes(bytes(64))
    (tmp_path / "other.h5").write_bytes(written({"W": np.ones((1, 1, 2, 2))}))
    layout = h5py.VirtualLayout((1, 1, 2, 2), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "W", (1, 1, 2, 2))
    with h5py.File("net.h5", "w") as root:
        root.create_dataset("raw", (1, 1, 2, 2), "f8", external=[("raw", 0, 32)])
        root.create_virtual_dataset("virtual", layout)
        root["text"] = "words"
        root["records"] = np.zeros((1, 1, 2, 2), [("a", "f4")])
        root["empty"] = h5py.Empty("f4")
    for name in ("raw", "virtual"):
        with pytest.raises(KernelError, match=f"{name}: its numbers lie in another file"):
            read_spec(f"net.h5:{name}")
    for name in ("text", "records", "empty"):
        with pytest.raises(KernelError, match=f"{name}: holds no numbers that can be read"):
            read_spec(f"net.h5:{name}")


def test_sizes_are_checked_before_memory_is_asked_for():
    with h5py.File(file := io.BytesIO(), "w") as root:
        root.create_dataset("large", (2**20, 2**20, 3, 3), "f4", chunks=(1, 1, 3, 3))
    assert "numbers take 39,582,418,599,936 bytes" in refusal(file.getvalue())
    with h5py.File(file := io.BytesIO(), "w") as root:
        chunk = (1, 2**25, 1, 1)
        root.create_dataset("c", (1, 1, 1, 1), "f4", chunks=chunk, maxshape=(None,) * 4)
    assert "numbers take 134,217,728 bytes" in refusal(file.getvalue())


def test_many_arrays_are_refused(monkeypatch):
    monkeypatch.setattr(hdf5, "MAX_OBJECTS", 5)
    arrays = {f"a{n}": np.ones(1) for n in range(6)}
    assert "has more than 5 groups and arrays" in refusal(written(arrays))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "no HDF5 file"),
        (b"PK\3\4", "no zip file"),
        (zipped(b"", name="other"), "holds no model.weights.h5"),
        (zipped(b"no HDF5"), "no HDF5 file"),
        (zipped(written(KERAS_3), zipfile.ZIP_DEFLATED), "is compressed"),
    ],
)
def test_files_that_are_none(data, words):
    assert words in refusal(data)


def test_files_cut_short():
    data = written(KERAS_3)
    for end in range(0, len(data) - 1, 97):
        assert refusal(data[:end])
        assert refusal(zipped(data[:end]))


@pytest.mark.processes
def test_without_the_extra_one_line_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['h5py'] = None; from convcli.cli.main import main;"
        "sys.argv = ['convcli', 'kernels', 'show', 'net.h5']; sys.exit(main())"
    )
    (tmp_path / "net.h5").write_bytes(written(KERAS_3))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == UsageError.exit_code
    assert done.stderr == "Error: net.h5: needs the extra: pip install 'convcli[h5]'\n"
