"""Chains of layers against torch with the same weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import GeometryError
from convcli.core.plan import Layout
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.chain import lay_chain, run_chain
from convcli.layers.conv import Conv
from convcli.layers.elementwise import Activation, LeakyRelu
from convcli.layers.pools import ChannelPool, GlobalPool, Normalize, Pool


def bank(weights, bias=None, **layout):
    """A layer of a bank (N, C, kh, kw), as torch has it unless told otherwise."""
    sets = tuple(KernelSet(f"b-{n}", (Kernel(each),)) for n, each in enumerate(weights))
    rules = {"padding": 0, "border": "zero"} | layout
    return Conv(sets, "b", Layout(**rules), bias)


def result(layers, image):
    stages = lay_chain(layers, image.shape)
    every = list(run_chain(stages, image))
    for stage, maps in zip(stages, every, strict=True):
        assert maps.shape == stage.laid.shape
    return every[-1]


class Build:
    """A random chain, as layers of ours and as a function of torch's."""

    def __init__(self, draw, torch, shape):
        self.draw, self.torch = draw, torch
        self.shape = shape
        self.layers, self.modules = [], []
        self.rng = np.random.default_rng(draw(st.integers(0, 999)))

    def add(self):
        kinds = ["conv", "conv", "depthwise", "activation", "pool", "global", "channel", "norm"]
        layer, module = getattr(self, self.draw(st.sampled_from(kinds)))()
        try:
            [stage] = lay_chain([layer], self.shape)
        except GeometryError:
            return
        self.shape = stage.laid.shape
        self.layers.append(layer)
        self.modules.append(module)

    def weights(self, *shape):
        return self.rng.normal(size=shape).astype(np.float32)

    def conv(self):
        maps, (kh, kw) = self.draw(st.integers(1, 5)), self.pair(1, 3)
        weights, bias = self.weights(maps, self.shape[2], kh, kw), self.weights(maps)
        rules = {"stride": self.pair(1, 2), "padding": self.pair(0, 2), "dilation": self.pair(1, 2)}
        tensors = self.torch.tensor(weights), self.torch.tensor(bias)
        conv = self.torch.nn.functional.conv2d
        return bank(weights, tuple(bias.tolist()), **rules), lambda x: conv(x, *tensors, **rules)

    def depthwise(self):
        weights, channels = self.weights(3, 2), self.shape[2]
        tensor = self.torch.tensor(weights).expand(channels, 1, 3, 2)
        layout = Layout(padding=(1, 0), border="zero")
        layer = Conv((KernelSet("d", (Kernel(weights),)),), "d", layout, 0.5)
        bias = self.torch.full((channels,), 0.5)
        conv = self.torch.nn.functional.conv2d
        return layer, lambda x: conv(x, tensor, bias, padding=(1, 0), groups=channels)

    def activation(self):
        name = self.draw(st.sampled_from(["relu", "sigmoid", "tanh", "abs", "leaky"]))
        if name == "leaky":
            leaky = self.torch.nn.functional.leaky_relu
            return LeakyRelu(0.2), lambda x: leaky(x, 0.2)
        return Activation(name), getattr(self.torch, name)

    def pool(self):
        kind, size, stride = self.draw(st.sampled_from(["max", "avg"])), self.pair(1, 3), None
        if self.draw(st.booleans()):
            stride = self.pair(1, 3)
        padding = size[0] // 2, size[1] // 2
        ceil = self.draw(st.booleans())
        module = getattr(self.torch.nn.functional, f"{kind}_pool2d")
        layer = Pool(kind, size, stride, padding, ceil=ceil)
        return layer, lambda x: module(x, size, stride, padding, ceil_mode=ceil)

    def global_(self, layer, axes):
        kind = self.draw(st.sampled_from(["max", "avg"]))
        if kind == "max":
            return layer(kind), lambda x: x.amax(axes, keepdim=True)
        return layer(kind), lambda x: x.mean(axes, keepdim=True)

    def channel(self):
        return self.global_(ChannelPool, (1,))

    def norm(self):
        # A tensor of one position has no deviation, which torch's instance_norm refuses.
        def module(x):
            mean = x.mean((2, 3), keepdim=True)
            return (x - mean) / self.torch.sqrt(((x - mean) ** 2).mean((2, 3), True) + 1e-5)

        return Normalize(), module

    def pair(self, least, most):
        whole = st.integers(least, most)
        return self.draw(whole), self.draw(whole)


setattr(Build, "global", lambda self: self.global_(GlobalPool, (2, 3)))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_random_chains_agree_with_torch(data):
    torch = pytest.importorskip("torch")
    channels = data.draw(st.integers(1, 3))
    shape = data.draw(st.integers(1, 16)), data.draw(st.integers(1, 16)), channels
    build = Build(data.draw, torch, shape)
    for _ in range(data.draw(st.integers(1, 7))):
        build.add()
    if not build.layers:
        return
    image = build.rng.normal(size=shape).astype(np.float32)
    ours = result(build.layers, image)
    # In float64, so that it is ours alone whose rounding is measured.
    tensor = torch.tensor(image.astype(np.float64)).permute(2, 0, 1)[None]
    with torch.no_grad():
        for module in build.modules:
            tensor = module_in_double(module, tensor, torch)
    theirs = tensor[0].permute(1, 2, 0).numpy()
    # A normalisation after one enlarges what rounding leaves of a constant map.
    norms = sum(isinstance(layer, Normalize) for layer in build.layers)
    loose = 3e-3 if norms else 1e-5
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=loose * max(1, np.abs(theirs).max()))


def module_in_double(module, tensor, torch):
    """Run a module whose weights are float32 on float64 values."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        cells = module.__closure__ or () if hasattr(module, "__closure__") else ()
        for cell in cells:
            content = cell.cell_contents
            if isinstance(content, torch.Tensor):
                cell.cell_contents = content.double()
            elif isinstance(content, tuple) and all(torch.is_tensor(each) for each in content):
                cell.cell_contents = tuple(each.double() for each in content)
        return module(tensor)
    finally:
        torch.set_default_dtype(before)


def test_a_network_agrees_with_torch_in_single_precision():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    image = rng.random((40, 36, 3), np.float32)
    first, second = rng.normal(size=(8, 3, 3, 3)), rng.normal(size=(5, 8, 3, 3))
    bias = rng.normal(size=8)
    layers = [
        bank(first, tuple(bias.tolist()), padding=1), Activation("relu"), Pool("max", (2, 2)),
        Normalize(), bank(second, stride=2), LeakyRelu(0.1), Activation("sigmoid"),
        GlobalPool("avg"),
    ]  # fmt: skip
    functional = torch.nn.functional
    one, two, added = (torch.tensor(each, dtype=torch.float32) for each in (first, second, bias))
    x = torch.tensor(image).permute(2, 0, 1)[None]
    x = functional.max_pool2d(functional.conv2d(x, one, added, padding=1).relu(), 2)
    x = functional.conv2d(functional.instance_norm(x), two, stride=2)
    x = torch.sigmoid(functional.leaky_relu(x, 0.1)).mean((2, 3))
    np.testing.assert_allclose(result(layers, image).ravel(), x.numpy().ravel(), atol=1e-5)
