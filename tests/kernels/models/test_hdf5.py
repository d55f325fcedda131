"""Files of Keras: weights are turned to (N, C, kh, kw); nothing outside the file is read."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from convcli.errors import KernelError, UsageError
from convcli.kernels.models import hdf5
from convcli.kernels.models.hdf5 import read_model
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


def zipped(data, method=zipfile.ZIP_STORED, name="model.weights.h5"):
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as archive:
        archive.writestr("config.json", "{}")
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
