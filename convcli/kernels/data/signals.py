"""The signals that ``signal:NAME`` names: parameters, formulas, sources.

The function of the same name in ``convcli.kernels.signals`` computes each. Without numpy, so that
listing and completing names stays fast.
"""

from convcli.kernels.entries import Parameter, Signal

_WEISSTEIN = "E. Weisstein, MathWorld"
_SCALE = Parameter("scale", "positive", "1", "width")
_CENTER = Parameter("center", "number", "0", "x of the middle")
_HEIGHT = Parameter("height", "number", "1", "greatest value")
_FREQUENCY = Parameter("frequency", "number", "1", "periods in one unit of x")
_AMPLITUDE = Parameter("amplitude", "number", "1", "greatest value")
_PHASE = Parameter("phase", "number", "0", "what is added to the angle", "degrees")

_TABLE = (
    Signal(
        "normal",
        "density",
        (
            Parameter("mean", "number", "0", "x of the peak"),
            Parameter("sd", "positive", "1", "standard deviation"),
        ),
        "signal:normal,mean=0,sd=2",
        "exp(-z^2/2) / sqrt(2 pi) / sd, z = (x - mean) / sd",
        "scipy.stats.norm",
    ),
    Signal(
        "uniform",
        "density",
        (
            Parameter("a", "number", "0", "where it begins"),
            Parameter("b", "number", "1", "where it ends; it counts"),
        ),
        "signal:uniform,a=-3,b=3",
        "1 / (b - a) from a to b, else 0",
        "scipy.stats.uniform",
    ),
    Signal(
        "triangular",
        "density",
        (
            Parameter("a", "number", "-1", "where it begins"),
            Parameter("c", "number", "0", "x of the peak"),
            Parameter("b", "number", "1", "where it ends"),
        ),
        "signal:triangular,a=0,c=1,b=4",
        "from 0 at a up to 2 / (b - a) at c, down to 0 at b",
        "scipy.stats.triang",
    ),
    Signal(
        "exponential",
        "density",
        (_SCALE._replace(meaning="mean, 1 / rate"),),
        "signal:exponential,scale=2",
        "exp(-x / scale) / scale from 0 on",
        "scipy.stats.expon",
    ),
    Signal(
        "laplace",
        "density",
        (Parameter("mean", "number", "0", "x of the peak"), _SCALE),
        "signal:laplace,scale=2",
        "exp(-|z|) / (2 scale), z = (x - mean) / scale",
        "scipy.stats.laplace",
    ),
    Signal(
        "cauchy",
        "density",
        (_CENTER, _SCALE),
        "signal:cauchy,scale=0.5",
        "1 / (pi scale (1 + z^2)), z = (x - center)/scale",
        "scipy.stats.cauchy",
    ),
    Signal(
        "box",
        "pulse",
        (_CENTER, Parameter("width", "positive", "1", "from end to end; both count"), _HEIGHT),
        "signal:box,width=2",
        "height where |x - center| <= width / 2, else 0",
        f"{_WEISSTEIN}, Rectangle Function",
    ),
    Signal(
        "triangle",
        "pulse",
        (_CENTER, Parameter("width", "positive", "2", "from end to end"), _HEIGHT),
        "signal:triangle,width=4",
        "height max(0, 1 - |x - center| / (width / 2))",
        f"{_WEISSTEIN}, Triangle Function",
    ),
    Signal(
        "step",
        "pulse",
        (Parameter("at", "number", "0", "the first x that is high"), _HEIGHT),
        "signal:step,at=1",
        "0, and height from x = at on",
        "numpy.heaviside(x - at, 1)",
    ),
    Signal(
        "impulse",
        "pulse",
        (Parameter("at", "number", "0", "its x"), _HEIGHT),
        "signal:impulse,at=1",
        "height at the sample nearest to at, else 0",
        "scipy.signal.unit_impulse",
    ),
    Signal(
        "sinc",
        "pulse",
        (_CENTER, Parameter("width", "positive", "1", "from the middle to the first 0"), _HEIGHT),
        "signal:sinc,width=0.5",
        "height sin(pi z) / (pi z), z = (x - center)/width",
        "numpy.sinc",
    ),
    Signal(
        "sine",
        "wave",
        (_FREQUENCY, _AMPLITUDE, _PHASE),
        "signal:sine,frequency=0.5",
        "amplitude sin(2 pi frequency x + phase)",
        "numpy.sin",
    ),
    Signal(
        "square",
        "wave",
        (
            _FREQUENCY,
            _AMPLITUDE,
            Parameter("duty", "share", "0.5", "part of a period that is high, from 0 to 1"),
        ),
        "signal:square,frequency=0.5",
        "amplitude in the first part of a period, then minus",
        "scipy.signal.square",
    ),
    Signal(
        "sawtooth",
        "wave",
        (_FREQUENCY, _AMPLITUDE),
        "signal:sawtooth,frequency=0.5",
        "rises from -amplitude to amplitude in each period",
        "scipy.signal.sawtooth",
    ),
    Signal(
        "chirp",
        "wave",
        (
            Parameter("f0", "number", "0", "frequency at x = 0"),
            Parameter("f1", "number", "1", "frequency at x = x1"),
            Parameter("x1", "positive", "10", "x of f1"),
            _AMPLITUDE,
        ),
        "signal:chirp,f0=0,f1=2",
        "amplitude cos(2 pi (f0 x + (f1 - f0)/x1 x^2/2))",
        "scipy.signal.chirp",
    ),
)
SIGNALS = {signal.name: signal for signal in _TABLE}
