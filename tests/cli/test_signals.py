"""``signal:NAME``, ``--x``, ``--density`` and ``--mark`` in every command that has them."""

import json

import numpy as np
import pytest
from scipy import signal, stats

X = np.arange(-500, 501) / 50
CONVOLVE = ["--operation", "convolve", "--border", "zero"]


def records(ran):
    assert ran.code == 0, ran
    return [json.loads(line) for line in ran.out.decode().splitlines()]


def test_two_densities_convolve_in_one_command(apply, contents):
    """It is what numpy makes of scipy's samples, and near the exact density of the sum."""
    kernel = ["-k", "signal:uniform,a=-3,b=3"]
    ran = apply(
        *kernel, "signal:normal", "--x", "-10:10", *CONVOLVE, "--padding", "same",
        "--density", "-o", "-",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    found = np.array(ran.out.split(), float)
    normal, uniform = stats.norm.pdf(X), stats.uniform.pdf(X, -3, 6)
    assert np.allclose(found, np.convolve(normal, uniform, "same") / 50, rtol=0, atol=1e-14)
    exact = (stats.norm.cdf(X + 3) - stats.norm.cdf(X - 3)) / 6
    # Half a step of the rectangle rule at each of both jumps.
    rule = (stats.norm.pdf(X + 3) + stats.norm.pdf(X - 3)) / 6 / 50 / 2
    assert np.abs(found - exact - rule).max() < 2e-6
    assert contents() == {}


def test_the_result_goes_to_the_current_folder(apply, load, contents):
    ran = apply("-k", "signal:box,width=2", "signal:step,at=1", "--x", "-2:2:5", *CONVOLVE)
    assert ran.names == ["signal-step-at-1_signal-box-width-2.csv"]
    assert list(contents()) == [ran.names[0].encode()]
    assert load(ran.names[0]).tolist() == [[0, 0, 1, 2, 2]]


def test_a_file_of_the_name_wins(apply, save, load, here, gray):
    (here / "gray.png").rename("signal:normal")
    ran = apply("-k", "identity", "signal:normal", "-o", "o.png")
    assert ran.names == ["o.png"]
    assert np.array_equal(load("o.png"), gray)
    ran = apply("-k", "identity", "signal:normal", "--x", "0:1", "-o", "p.png")
    assert ran.errors == [
        "Error: signal:normal: is 14x11; --x is for signals, of one row or one column"
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "-k", "blur"],
        ["explain", "-k", "blur", "--at", "0,0"],
        ["animate", "-k", "blur", "-o", "a.gif"],
        ["compare", "-k", "blur", "--vary", "border", "-o", "c.png"],
        ["learn", "signal:normal"],
    ],
)
def test_a_wrong_signal_is_refused_before_anything_is_done(convcli, contents, command):
    convcli(*command, "signal:nrmal").fails(2, "no signal is named 'nrmal'; did you mean signal:n")
    convcli(*command, "signal:normal,sd=-1").fails(2, "normal: sd must be a number")
    convcli(*command, "signal:normal", "--x", "1").fails(2, "--x", "is not START:STOP")
    assert contents() == {}


def test_chain_refuses_them_too(convcli):
    convcli("chain", "signal:nrmal", "relu").fails(2, "did you mean signal:normal?")
    convcli("chain", "signal:normal", "conv", "-k", "signal:box,q=1").fails(
        2, "layer 1 (conv): box has no argument 'q'"
    )


def test_a_list_may_name_signals(apply, here, load):
    (here / "list").write_text("signal:box\nsignal:bx\n")
    ran = apply("-k", "2", "--files-from", "list", "--x", "-1:1:3", "--out-dir", "o")
    assert ran.names == ["o/signal-box_custom.csv"]
    assert ran.errors == ["Error: no signal is named 'bx'; did you mean signal:box?"]
    assert ran.code == 1
    assert load("o/signal-box_custom.csv").tolist() == [[0, 2, 0]]


def test_a_signal_that_is_0_everywhere_is_told(apply):
    ran = apply("-k", "2", "signal:normal,mean=900", "-o", "-")
    assert ran.code == 0
    assert "signal:normal,mean=900: is 0 everywhere on -10:10; sample another range" in ran.err


@pytest.mark.parametrize(
    ("flags", "source", "code", "said"),
    [
        (["--x", "0:1"], "gray.png", 1, "gray.png: is 14x11; --x is for signals"),
        (["--x", "0:1"], "one.txt", 1, "one.txt: is 1x1; --x is for signals"),
        (["--x", "0:1:5"], "s.txt", 1, "s.txt: has 4 samples, and --x has 5; write --x 0:1:4"),
        (["--density"], "s.txt", 2, "--density needs a step: give --x START:STOP:COUNT"),
        (["--density", "--x", "0:3"], "s.txt", 1, "--x has 1,001; write --x 0:3:4"),
        (["--density", "--normalize"], "signal:box", 2, "--normalize and --density contradict"),
        (["--x", "0:1", "--resize", "9x1"], "s.txt", 2, "--x and --resize contradict"),
        (["--resize", "9x1"], "signal:box", 1, "--resize is for pixels; --x START:STOP:COUNT"),
        (["--max-pixels", "9"], "signal:box", 1, "signal:box: image has 1,001 pixels"),
        (["--channels", "r"], "signal:box", 1, "signal:box: is gray and has no channel r"),
        (["--mark", "max", "--frames", "all"], "gray.png", 2, "--mark takes one frame"),
        (["-k", "signal:box"], "s.txt", 1, "and signal:box has 1,001; give both one range: --x ST"),
        (["-k", "signal:box@90"], "s.txt", 1, "and signal:box has 1,001; give both one range"),
    ],
)
def test_what_makes_no_sense_is_refused(apply, save, gray, flags, source, code, said):
    save("s.txt", [1, 2, 3, 4])
    save("one.txt", [1])
    ran = apply("-k", "1 2 1", *flags, source, "--out-dir", "o")
    assert ran.code == code
    assert ran.errors, ran
    assert all("\n" not in line for line in ran.errors)
    assert said in ran.errors[0]


def test_a_photo_takes_a_signal_as_kernel(apply, load, gray):
    """Rows are blurred; the photo has no positions."""
    flags = ["--x", "-3:3:7", "--density", "--border", "symmetric", "--range", "raw", "--json"]
    [record] = records(apply("-k", "signal:normal", "gray.png", *flags, "-o", "o.npy"))
    assert "x" not in record
    weights = stats.norm.pdf(np.arange(-3, 4))
    padded = np.pad(gray.astype(float), ((0, 0), (3, 3)), "symmetric")
    expected = np.array([np.convolve(row, weights, "valid") for row in padded])
    assert np.allclose(load("o.npy"), expected, atol=1e-3)
    apply("-k", "signal:normal@90", "gray.png", *flags, "-o", "p.npy")
    padded = np.pad(gray.astype(float), ((3, 3), (0, 0)), "symmetric")
    expected = np.transpose([np.convolve(row, weights, "valid") for row in padded.T])
    assert np.allclose(load("p.npy"), expected, atol=1e-3)


def test_density_divides_after_the_divisor(convcli):
    words = ["-k", "4 4", "--divisor", "8", "--x", "0:0.2:3", "--density", "--at", "0,0", "--json"]
    [found] = records(convcli("explain", *words, "--matrix", "3 5 7"))
    response = found["outputs"][0]["responses"][0]
    assert (response["divisor"], response["value"]) == (80, 0.4)


def test_json_tells_positions_lags_and_the_greatest_value(apply):
    flags = ["--x", "0:4:9", "--padding", "full", "--mark", "max", "--density", "--json"]
    pulse = "signal:box,center=1,width=1"
    [found] = records(apply("-k", pulse, "signal:box,center=3,width=1", *flags, *CONVOLVE[2:]))
    assert found["lag"] == found["x"] == {"start": -4, "stop": 4, "step": 0.5}
    assert found["mark"] == {"max": 1.5, "row": 0, "column": 12, "places": 1, "x": 2, "lag": 2}
    [found] = records(
        apply("-k", pulse, "signal:box,center=3,width=1", *flags, *CONVOLVE, "--overwrite")
    )
    assert found["x"] == {"start": 0, "stop": 8, "step": 0.5}
    assert "lag" not in found
    assert found["mark"] == {"max": 1.5, "row": 0, "column": 8, "places": 1, "x": 4}


def test_without_positions_lags_are_in_samples(apply, save, rng):
    """The greatest value of an autocorrelation is at lag 0."""
    values = rng.integers(-9, 10, 12)
    save("s.txt", values)
    flags = ["--padding", "full", "--border", "zero", "--mark", "max"]
    ran = apply("-k", "s.txt", "s.txt", *flags, "-o", "o.txt")
    most = int((values**2).sum())
    said = f"s.txt: s.txt: the greatest value, {most}, is at row 0, column 11 (lag 0)\n"
    assert ran.err == said
    assert apply("-k", "s.txt", "s.txt", *flags, "-o", "p.txt", "-q").err == ""
    [found] = records(apply("-k", "s.txt", "s.txt", *flags, "-o", "q.txt", "--json"))
    assert found["lag"] == {"start": -11, "stop": 11, "step": 1}
    assert "x" not in found
    [found] = records(apply("-k", "s.txt", "s.txt", *flags[:4], "-o", "r.txt", "--json"))
    assert "lag" not in found
    assert "mark" not in found


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_first_greatest_value_of_an_image_is_marked(apply, save, rng, threads):
    pixels = rng.integers(0, 99, (1500, 700, 3), np.uint8)
    pixels[350, 20, 1] = pixels[350, 20, 2] = pixels[1400, 3, 0] = 200  # in other strips
    save("p.png", pixels)
    flags = ["--mark", "max", "--threads", threads, "--json", "-o", "o.png", "--overwrite"]
    [found] = records(apply("-k", "2", "p.png", *flags))
    mark = {"max": 400, "row": 350, "column": 20, "places": 3, "channel": "green"}
    assert found["mark"] == mark
    assert (found["max"], found["clipped"] > 0) == (400, True)
    patch = "0 0 0; 0 1 0; 0 0 0"
    [found] = records(apply("-k", patch, "p.png", "--channels", "r", "--padding", "valid", *flags))
    assert found["mark"] == {"max": 200, "row": 1399, "column": 2, "places": 1}


def test_missing_values_and_infinities_are_not_marked(apply, save):
    save("s.npy", np.array([[np.nan, 1, np.inf, 3, -np.inf, 2]]))
    [found] = records(apply("-k", "1", "s.npy", "--mark", "max", "--json", "-o", "o.npy"))
    assert found["mark"] == {"max": 3, "row": 0, "column": 3, "places": 1, "lag": 3}
    save("n.npy", np.full((1, 3), np.nan))
    ran = apply("-k", "1", "n.npy", "--mark", "max", "-o", "p.npy")
    assert (ran.code, "greatest" in ran.err) == (0, False)


def test_explain_says_where_values_lie(convcli):
    words = ["-k", "signal:box,width=1", "signal:triangle,center=1", "--x", "0:2:5"]
    ran = convcli("explain", *words, "--at", "0,3", "--density", "--padding", "full")
    assert ran.code == 0
    lines = ran.out.decode().splitlines()
    assert "row 0, column 3 (x -0.5, lag -0.5) of the 9x1 feature map" in lines[0]
    assert "columns -1 to 3 (x -0.5 to 1.5) of the 5x1 input" in " ".join(lines[2:4])
    assert "   -0.5 0 0.5 1 1.5" in lines
    column = ["--matrix", "1;2;3;4", "-k", "1;2", "--x", "0:6", "--at", "2,0"]
    ran = convcli("explain", *column, "--operation", "convolve", "--padding", "valid")
    assert "at row 2, column 0 (x 6) of the" in " ".join(ran.out.decode().split())
    assert "4  3     2                6\n6  4     1                4" in ran.out.decode()
    [found] = records(convcli("explain", *column, "--json"))
    assert (found["x"], found["lag"]) == (4, 4)
    assert found["outputs"][0]["responses"][0]["x"] == [4, 6]
    [found] = records(convcli("explain", "-k", "1;2", "--at", "2,0", *column[:2], "--json"))
    assert not {"x", "lag"} & set(found)
    assert "x" not in found["outputs"][0]["responses"][0]


def test_explain_lists_the_largest_products_by_x(convcli):
    ran = convcli("explain", "-k", "signal:normal", "signal:normal", "--at", "0,500")
    assert "row      x               window" in ran.out.decode()
    assert "  0   0.02   0.3988624999236661" in ran.out.decode()


def test_chain_counts_with_the_step_of_each_layer(convcli, load):
    words = ["signal:triangle,width=6", "conv", "-k", "1", "--stride", "2", "conv", "-k", "1 1"]
    flags = ["--x", "-4:4:33", "--density", "--mark", "max", "--json"]
    [found] = records(convcli("chain", *words, "--padding", "valid", *flags, "-o", "o.npy"))
    values = np.clip(1 - np.abs(np.arange(-4, 4.1, 0.5)) / 3, 0, 1) * 0.25
    assert np.allclose(load("o.npy"), (values[:-1] + values[1:]) * 0.5)
    assert found["x"] == {"start": -4, "stop": 3.5, "step": 0.5}
    assert found["mark"]["x"] == -0.5
    pooled = ["signal:sine", "avgpool", "1,4", "--x", "0:7:8", "--json", "-o", "p.npy"]
    [found] = records(convcli("chain", *pooled))
    assert found["x"] == {"start": 1.5, "stop": 5.5, "step": 4}


def test_chain_samples_kernels_where_it_samples_its_input(convcli, load):
    words = ["signal:box", "conv", "-k", "signal:box", *CONVOLVE, "--x", "-1:1:5", "--density"]
    ran = convcli("chain", *words, "-o", "o.npy", "--mark", "max")
    assert ran.names == ["o.npy"]
    expected = np.convolve([0, 1, 1, 1, 0], [0, 1, 1, 1, 0], "same") / 2
    assert load("o.npy").tolist() == [expected.tolist()]
    assert ran.err == "signal:box: the greatest value, 1.5, is at row 0, column 2 (x 0)\n"
    convcli("chain", *words, "--mark", "max", "--summary").fails(2, "--mark is about the result")
    ran = convcli("chain", "signal:box", "relu", "--x", "-1:1:3")
    assert ran.names == ["signal-box_chain.csv"]
    convcli("chain", "--matrix", "1 2", "conv", "-k", "signal:box").fails(1, "has 2 samples")


def test_chain_marks_a_map_by_its_number(convcli):
    words = ["conv", "-k", "1", "-k", "3", "--mark", "max", "-o", "o.npy"]
    ran = convcli("chain", "--matrix", "1 5; 2 0", *words)
    assert ran.err == "matrix: the greatest value, 15, is at row 0, column 1 of map 2\n"


def test_compare_tells_them_of_every_choice(convcli):
    words = ["signal:box,center=2", "-k", "signal:box,center=1", "--vary", "operation"]
    flags = ["--x", "0:4:9", "--padding", "full", "--border", "zero", "--density"]
    ran = convcli("compare", *words, *flags, "--mark", "max", "--json")
    found = records(ran)
    assert [each["mark"]["x"] for each in found] == [1, 3]
    assert found[0]["lag"] == {"start": -4, "stop": 4, "step": 0.5}
    ran = convcli("compare", *words, *flags, "--mark", "max")
    assert ran.names == ["signal-box-center-2_compare-operation.png"]
    assert ran.err.splitlines()[1].endswith("is at row 0, column 6 (x 3)")
    varied = ["--vary", "kernel", "--values", "signal:box signal:normal", "--json"]
    found = records(convcli("compare", "signal:box", *varied))
    assert found[1]["kernel"] == "signal:normal"
    convcli("compare", "--matrix", "1 2", *varied).fails(1, "has 2 samples, and signal:box has")


def test_animate_slides_over_a_signal(convcli, here):
    words = ["-k", "signal:box", "signal:triangle", "--x", "-2:2:9", "--step", "4"]
    assert convcli("animate", *words, "--density", "-o", "a.gif").names == ["a.gif"]
    assert (here / "a.gif").read_bytes().startswith(b"GIF")


def test_learn_takes_signals(convcli, apply, save):
    chirp = "signal:chirp,f0=0,f1=9,x1=3"
    apply("-k", "0.2 0.5 0.1", chirp, "--x", "0:3:301", "-o", "after.npy")
    ran = convcli("learn", chirp, "after.npy", "--x", "0:3:301", "--size", "3x1", "--json")
    [found] = records(ran)
    assert np.allclose(found["kernel"], [[0.2, 0.5, 0.1]], atol=1e-4)
    words = ["learn", chirp, "after.npy", "--size", "3x1", "--truth", "signal:box"]
    convcli(*words, "--x", "0:3:31").fails(1, "after.npy: has 301 samples, and signal:box has 31")
    save("photo.npy", np.eye(9))
    convcli("learn", "photo.npy", "photo.npy", "--x", "0:1").fails(1, "--x is for signals")


def test_kernels_show_samples_a_signal(convcli, load):
    ran = convcli("kernels", "show", "signal:uniform,a=-1,b=1", "--x", "-1:1:5")
    text = ran.out.decode()
    assert "x          -1 to 1 in steps of 0.5" in text
    assert "integral   1.25 (the sum times the step)" in text
    assert "arguments of uniform, for example signal:uniform,a=-3,b=3:" in text
    ran = convcli("kernels", "show", "signal:normal", "--x", "0:2:3", "-o", "k.npy")
    assert np.allclose(load("k.npy"), stats.norm.pdf([[0, 1, 2]]), rtol=1e-15)
    convcli("kernels", "show", "blur", "--x", "0:1").fails(2, "--x is for signals")
    listed = json.loads(convcli("kernels", "list", "--json").out)
    normal = next(each for each in listed if each["name"] == "signal:normal")
    assert (normal["kind"], normal["source"]) == ("signal", "scipy.stats.norm")


def test_a_longer_correlation_finds_a_shift(apply, save, rng):
    """The lag of the greatest value is the shift, in units of x."""
    values = rng.normal(size=200)
    save("a.npy", values[np.newaxis, 30:150])
    save("b.npy", values[np.newaxis, 42:162])
    flags = ["--padding", "full", "--border", "zero", "--x", "0:11.9", "--mark", "max", "--json"]
    [found] = records(apply("-k", "b.npy", "a.npy", *flags, "-o", "o.npy"))
    expected = signal.correlate(values[30:150], values[42:162])
    assert np.argmax(expected) == found["mark"]["column"]
    assert found["mark"]["lag"] == 1.2


def test_a_signal_is_padded(convcli):
    words = ["pad", "signal:box", "--x", "-1:1:5", "--padding", "0,0,2,1", "--border", "zero"]
    assert convcli(*words, "-o", "-").out.split() == [b"0"] * 3 + [b"1"] * 3 + [b"0"] * 2
    [found] = records(convcli(*words, "--json"))
    assert found["x"] == {"start": -2, "stop": 1.5, "step": 0.5}
    assert found["output"] == "signal-box_padded.csv"
    [found] = records(convcli(*words[:4], "--padding", "1", "--json", "-o", "o.csv"))
    assert "x" not in found  # it has three rows
