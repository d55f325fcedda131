"""Chains of layers against torch with the same weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import GeometryError
from convcli.geometry import ConvOptions, Pads
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.layers.activations import Activation, LeakyRelu, Softmax
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import plan_network
from convcli.layers.pooling import ChannelPool, GlobalPool, Normalize, Pool
from convcli.layers.upsample import Upsample

KINDS = [
    "conv",
    "grouped",
    "depthwise",
    "activation",
    "pool",
    "global_pool",
    "channel_pool",
    "softmax",
    "flatten",
    "transposed",
    "upsample",
    "batchnorm",
    "norm",
]


class Build:
    """A random chain, as layers of ours and as a function of torch's."""

    def __init__(self, draw, torch, bank, shape):
        self.draw, self.torch, self.bank = draw, torch, bank
        self.shape = shape
        self.layers, self.modules = [], []
        self.rng = np.random.default_rng(draw(st.integers(0, 999)))

    def add(self, kind):
        layer, module = getattr(self, kind)()
        try:
            [stage] = plan_network([layer], self.shape)
        except GeometryError:
            return
        self.shape = stage.plan.shape
        self.layers.append(layer)
        self.modules.append(module)

    def weights(self, *shape):
        return self.rng.normal(size=shape)

    def conv(self):
        maps, (kh, kw) = self.draw(st.integers(1, 5)), self.pair(1, 3)
        weights, bias = self.weights(maps, self.shape[2], kh, kw), self.weights(maps)
        rules = {"stride": self.pair(1, 2), "padding": self.pair(0, 2), "dilation": self.pair(1, 2)}
        tensors = self.torch.tensor(weights), self.torch.tensor(bias)
        conv = self.torch.nn.functional.conv2d
        layer = self.bank(weights, tuple(bias.tolist()), **rules)
        return layer, lambda x: conv(x, *tensors, **rules)

    def grouped(self):
        channels = self.shape[2]
        groups = self.draw(
            st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])
        )
        maps = groups * self.draw(st.integers(1, 2))
        weights, bias = self.weights(maps, channels // groups, 2, 3), self.weights(maps)
        rules = {"stride": self.pair(1, 2), "padding": self.pair(0, 2), "groups": groups}
        tensors = self.torch.tensor(weights), self.torch.tensor(bias)
        conv = self.torch.nn.functional.conv2d
        return self.bank(weights, tuple(bias.tolist()), **rules), lambda x: conv(
            x, *tensors, **rules
        )

    def depthwise(self):
        weights, channels = self.weights(3, 2), self.shape[2]
        tensor = self.torch.tensor(weights).expand(channels, 1, 3, 2)
        options = ConvOptions(padding=(1, 0), border="zero")
        layer = Conv((KernelSet("d", (Kernel(weights),)),), "d", options, 0.5)
        bias = self.torch.full((channels,), 0.5, dtype=tensor.dtype)
        conv = self.torch.nn.functional.conv2d
        return layer, lambda x: conv(x, tensor, bias, padding=(1, 0), groups=channels)

    def activation(self):
        name = self.draw(st.sampled_from(["relu", "sigmoid", "tanh", "abs", "leaky"]))
        if name == "leaky":
            leaky = self.torch.nn.functional.leaky_relu
            return LeakyRelu(0.2), lambda x: leaky(x, 0.2)
        return Activation(name), getattr(self.torch, name)

    def pool(self):
        kind, size, stride = (
            self.draw(st.sampled_from(["max", "min", "avg"])),
            self.pair(1, 3),
            None,
        )
        if self.draw(st.booleans()):
            stride = self.pair(1, 3)
        padding = size[0] // 2, size[1] // 2
        ceil, functional = self.draw(st.booleans()), self.torch.nn.functional
        if kind == "avg":
            layer = Pool(kind, size, stride, padding, ceil=ceil)
            return layer, lambda x: functional.avg_pool2d(x, size, stride, padding, ceil_mode=ceil)
        apart, sign = self.pair(1, 2), -1 if kind == "min" else 1
        layer, rules = (
            Pool(kind, size, stride, padding, ceil=ceil, dilation=apart),
            (stride, padding),
        )
        return (
            layer,
            lambda x: sign * functional.max_pool2d(sign * x, size, *rules, apart, ceil_mode=ceil),
        )

    def global_pool(self):
        return self.reduced(GlobalPool, (2, 3))

    def channel_pool(self):
        return self.reduced(ChannelPool, (1,))

    def reduced(self, layer, axes):
        kind = self.draw(st.sampled_from(["max", "min", "avg"]))
        if kind != "avg":
            return layer(kind), lambda x: getattr(x, f"a{kind}")(axes, keepdim=True)
        return layer(kind), lambda x: x.mean(axes, keepdim=True)

    def softmax(self):
        return Softmax(), lambda x: self.torch.softmax(x, 1)

    def flatten(self):
        return Flatten(), lambda x: x.flatten(1)[..., None, None]

    def transposed(self):
        channels = self.shape[2]
        groups = self.draw(
            st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])
        )
        stride, dilation, padding = self.pair(1, 2), self.pair(1, 2), self.pair(0, 2)
        more = tuple(
            self.draw(st.integers(0, max(each) - 1)) for each in zip(stride, dilation, strict=True)
        )
        weights, bias = self.weights(channels, 2, 3, 2), self.weights(2 * groups)
        layer = ConvTranspose(
            KernelSet("t", tuple(Kernel(each) for each in weights)),
            stride, Pads(padding[0], padding[0], padding[1], padding[1]), more, dilation,
            tuple(bias.tolist()), groups=groups,
        )  # fmt: skip
        tensors = self.torch.tensor(weights), self.torch.tensor(bias)
        transpose = self.torch.nn.functional.conv_transpose2d
        return layer, lambda x: transpose(x, *tensors, stride, padding, more, groups, dilation)

    def upsample(self):
        factor, mode = (
            self.pair(1, 3),
            self.draw(st.sampled_from(["nearest", "bilinear", "corners"])),
        )
        scale, enlarge = tuple(map(float, factor)), self.torch.nn.functional.interpolate
        if mode == "nearest":
            return Upsample(factor), lambda x: enlarge(x, scale_factor=scale)
        aligned = mode == "corners"
        rules = {"scale_factor": scale, "mode": "bilinear", "align_corners": aligned}
        return Upsample(factor, "bilinear", aligned), lambda x: enlarge(x, **rules)

    def batchnorm(self):
        mean, weight, bias = (self.weights(self.shape[2]) for _ in range(3))
        var = self.rng.random(self.shape[2]) + 0.1
        layer = BatchNorm(*(tuple(each.tolist()) for each in (mean, var, weight, bias)), eps=1e-3)
        tensors = [self.torch.tensor(each) for each in (mean, var, weight, bias)]
        norm = self.torch.nn.functional.batch_norm
        return layer, lambda x: norm(x, *tensors, eps=1e-3)

    def norm(self):
        # A tensor of one position has no deviation, which torch's instance_norm refuses.
        def module(x):
            mean = x.mean((2, 3), keepdim=True)
            return (x - mean) / self.torch.sqrt(((x - mean) ** 2).mean((2, 3), True) + 1e-5)

        return Normalize(), module

    def pair(self, least, most):
        whole = st.integers(least, most)
        return self.draw(whole), self.draw(whole)


@pytest.mark.parametrize(
    ("kind", "near", "kinds"),
    [
        (np.float32, 1e-5, KINDS[:-1]),  # a norm enlarges what rounding leaves of an even map
        (np.float64, 1e-9, KINDS),
    ],
)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_random_chains_agree_with_torch(bank, result, kind, near, kinds, data):
    """The same weights in torch, in double precision, so that only our rounding is measured."""
    torch = pytest.importorskip("torch")
    shape = tuple(data.draw(st.integers(1, most)) for most in (16, 16, 3))
    build = Build(data.draw, torch, bank, shape)
    for _ in range(data.draw(st.integers(1, 7))):
        build.add(data.draw(st.sampled_from(kinds)))
    if not build.layers:
        return
    image = build.rng.normal(size=shape).astype(kind)
    ours = result(build.layers, image)
    tensor = torch.tensor(image.astype(np.float64)).permute(2, 0, 1)[None]
    for module in build.modules:
        tensor = module(tensor)
    theirs = tensor[0].permute(1, 2, 0).numpy()
    assert ours.dtype == kind
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=near * max(1, np.abs(theirs).max()))


def test_a_network_agrees_with_torch_in_single_precision(bank, result):
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
