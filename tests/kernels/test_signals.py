"""Sampled signals against scipy, and what is refused."""

import pickle

import numpy as np
import pytest
from scipy import signal, stats

from convcli.errors import KernelError
from convcli.kernels.catalogue import complete_kernel, complete_signal, list_text
from convcli.kernels.data.signals import SIGNALS
from convcli.kernels.kernel import Kernel
from convcli.kernels.signals import FUNCTIONS, sample_signal
from convcli.kernels.spec import find_computed, get_kernel, read_spec
from convcli.signals import parse_range

X = np.arange(-500, 501) / 50  # each rounded once, which linspace does not do


def sampled(text, x="-10:10"):
    return sample_signal(f"signal:{text}", parse_range(x)).values


@pytest.mark.parametrize(
    ("text", "density"),
    [
        ("normal", stats.norm()),
        ("normal,mean=1.3,sd=0.7", stats.norm(1.3, 0.7)),
        ("normal,-2,3", stats.norm(-2, 3)),
        ("uniform", stats.uniform()),
        ("uniform,a=-3,b=3", stats.uniform(-3, 6)),
        ("triangular", stats.triang(0.5, -1, 2)),
        ("triangular,a=-8,c=-4,b=8", stats.triang(0.25, -8, 16)),
        ("triangular,a=0,c=0,b=4", stats.triang(0, 0, 4)),
        ("triangular,a=0,c=4,b=4", stats.triang(1, 0, 4)),
        ("exponential", stats.expon()),
        ("exponential,scale=2.5", stats.expon(scale=2.5)),
        ("laplace,mean=-1,scale=0.3", stats.laplace(-1, 0.3)),
        ("cauchy,center=2,scale=0.5", stats.cauchy(2, 0.5)),
    ],
)
def test_densities_are_scipys(text, density):
    assert np.array_equal(sample_signal("signal:normal").axis.positions(1001), X)
    np.testing.assert_allclose(sampled(text), density.pdf(X), rtol=1e-15, atol=0)


@pytest.mark.parametrize("frequency", [0.1, 0.3, 1, 7])
def test_waves_are_scipys_between_the_jumps(frequency):
    angle = 2 * np.pi * frequency * X
    between = np.abs((frequency * X * 2) % 1 - 0.5) < 0.49
    assert between.sum() > 700
    square = sampled(f"square,frequency={frequency},amplitude=2")
    assert np.array_equal(square[between], 2 * signal.square(angle)[between])
    teeth = sampled(f"sawtooth,frequency={frequency}")
    assert np.allclose(teeth[between], signal.sawtooth(angle)[between], atol=1e-9)
    sine = sampled(f"sine,frequency={frequency},amplitude=3,phase=30")
    assert np.allclose(sine, 3 * np.sin(angle + np.pi / 6), atol=1e-11)


def test_a_wave_begins_its_periods_on_the_samples():
    square = sampled("square,frequency=10,duty=0.3", "0:3:301").reshape(-1)[:300]
    assert np.array_equal(square.reshape(30, 10), np.tile([1.0] * 3 + [-1.0] * 7, (30, 1)))


def test_a_chirp_is_scipys():
    found = sampled("chirp,f0=0.5,f1=3,x1=8,amplitude=2")
    assert np.allclose(found, 2 * signal.chirp(X, 0.5, 8, 3), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("box,width=0.4,center=0.3,height=2", "0:0.6:7", [0, 2, 2, 2, 2, 2, 0]),
        ("box,0.3,0.2", "0.1:0.5:5", [0, 1, 1, 1, 0]),
        ("triangle,width=4", "-3:3:7", [0, 0, 0.5, 1, 0.5, 0, 0]),
        ("step,at=0.3", "0:0.6:7", [0, 0, 0, 1, 1, 1, 1]),
        ("impulse,at=0.29,height=5", "0:0.6:7", [0, 0, 0, 5, 0, 0, 0]),
        ("impulse,at=0.7", "0:0.6:7", [0] * 7),
        ("sinc,width=2", "-4:4:5", [0, 0, 1, 0, 0]),
    ],
)
def test_pulses(text, x, expected):
    assert np.allclose(sampled(text, x), expected, atol=1e-15)


def test_every_signal_has_its_function_and_its_example():
    assert set(FUNCTIONS) == set(SIGNALS)
    text = list_text()
    for name, entry in SIGNALS.items():
        assert entry.source
        assert sample_signal(f"signal:{name}").values.any(), name
        assert sample_signal(entry.example).values.any(), name
        assert f"signal:{name}" in text
        assert entry.formula in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nrmal", "no signal is named 'nrmal'; did you mean signal:normal?"),
        ("", "no signal is named ''; there are normal, uniform"),
        ("normal,q=1", "normal has no argument 'q'; normal takes mean, sd; for example signal:"),
        ("normal,sd=0", "normal: sd must be a number from 1e-06 to 1,000,000, not '0'"),
        ("normal,mean=x", "normal: mean must be a number"),
        ("normal,mean=1,mean=2", "mean is given twice"),
        ("uniform,a=1,b=1", "uniform: b must be greater than a"),
        ("triangular,a=0,c=2,b=1", "triangular: c must lie between a and b"),
        ("square,duty=2", "square: duty must be a number from 0 to 1, not '2'"),
        ("normal,mean=900", "signal:normal,mean=900 is 0 everywhere on -10:10; sample another"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(KernelError) as caught:
        read_spec(f"signal:{text}")
    assert said in str(caught.value)


def test_a_kernel_knows_its_positions():
    kernel = read_spec("signal:uniform,a=0,b=2", x=parse_range("-1:3:5")).kernels[0]
    assert kernel.weights.tolist() == [[0, 0.5, 0.5, 0.5, 0]]
    assert (kernel.name, kernel.slug) == ("signal:uniform,a=0,b=2", "signal-uniform-a-0-b-2")
    assert kernel.axis.positions(5) == [-1, 0, 1, 2, 3]
    assert kernel.flipped().axis.positions(5) == [-3, -2, -1, 0, 1]
    assert pickle.loads(pickle.dumps(kernel)).axis == kernel.axis
    assert kernel == Kernel(kernel.matrix)
    assert kernel.with_bias(1).axis == kernel.axis


@pytest.mark.parametrize(("angle", "first"), [(90, -3), (180, -3), (270, -1), (360, -1)])
def test_a_rotated_signal_keeps_its_values_at_their_positions(angle, first):
    x = parse_range("-1:3:5")
    straight = read_spec("signal:exponential", x=x).kernels[0]
    turned = read_spec(f"signal:exponential@{angle}", x=x).kernels[0]
    assert turned.shape == ((5, 1) if angle % 180 else (1, 5))
    assert turned.axis.at(0) == first
    values = dict(zip(straight.axis.positions(5), straight.matrix.ravel().tolist(), strict=True))
    sign = 1 if first == -1 else -1
    found = zip(turned.axis.positions(5), turned.matrix.ravel().tolist(), strict=True)
    assert {sign * place: value for place, value in found} == values


def test_python_samples_on_the_default_range():
    assert get_kernel("signal:normal").weights[0].tolist() == stats.norm.pdf(X).tolist()


def test_a_file_of_the_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signal:normal").write_text("1 2 1")
    assert get_kernel("signal:normal").matrix.tolist() == [[1, 2, 1]]
    assert find_computed("signal:normal") is None


def test_completion():
    assert complete_kernel("sig") == ["signal:"]
    assert complete_kernel("signal:uni") == ["signal:uniform"]
    assert complete_signal("signal:uniform,b=1,") == ["signal:uniform,b=1,a="]
    assert complete_signal("signal:none,") == []
