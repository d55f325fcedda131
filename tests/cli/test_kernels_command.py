import json
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.cli.kernels import kernels
from convcli.errors import ConvcliError, ImageError, KernelError, UsageError
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.data.signals import SIGNALS
from convcli.kernels.spec import get_kernel

# As the root has them: click keeps the first that it hears.
HELP = {"help_option_names": ["-h", "--help"]}


def run(*arguments, stdin=None):
    """Run the command and return what it printed; its own faults are raised as they are."""
    result = CliRunner().invoke(kernels, arguments, input=stdin, **HELP)
    if isinstance(result.exception, ConvcliError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_has_every_kernel_on_one_line_of_80_columns():
    lines = run("list").splitlines()
    for name in (*CATALOGUE, *(f"signal:{name}" for name in SIGNALS)):
        assert len([line for line in lines if line.startswith(f"  {name} ")]) == 1
    assert max(map(len, lines)) <= 80


def test_list_shows_the_arguments_of_computed_kernels():
    assert "motion:length=9,angle=0" in run("list")


def test_list_as_json():
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json"))}
    others = [*(f"signal:{name}" for name in SIGNALS), "trained:imagenet-7x7"]
    assert list(entries) == [*CATALOGUE, *others]
    assert entries["sobel"]["members"] == ["sobel-x", "sobel-y"]
    assert entries["gaussian"]["arguments"][1]["name"] == "sigma"
    kinds = [entries[name]["kind"] for name in ("outline", "sobel", "gaussian")]
    assert kinds == ["table", "family", "recipe"]


def test_show_prints_the_matrix_and_its_properties():
    page = run("show", "sobel-y")
    assert "  -1 -2 -1\n   0  0  0\n   1  2  1\n" in page
    assert "\nsum        0\n" in page


def test_show_prints_every_digit_of_integers_that_no_image_can_be_summed_with(tmp_path):
    np.save(tmp_path / "k.npy", np.array([[2**60 + 1, -1]]))
    page = run("show", str(tmp_path / "k.npy"))
    assert "\n  1152921504606846977 -1\n" in page
    assert "\nmethod     none for 8-bit images: sums exceed 64-bit integers" in page


def test_show_explains_the_arguments_of_a_computed_kernel():
    page = run("show", "gaussian:5,sigma=1.2")
    assert all(f"\n  {p.name} " in page for p in CATALOGUE["gaussian"].parameters)


def test_show_as_json_is_a_kernel_that_can_be_read_again():
    text = run("show", "blur", "--json")
    data = json.loads(text)
    assert data["spec"] == "blur"
    again = json.loads(run("show", "-", "--json", stdin=text))
    assert again == data | {"spec": "standard input"}


def test_weights_are_divided(convcli):
    page = convcli("kernels", "show", "blur", "--weights").out.decode()
    assert page.splitlines()[2:5] == [
        "  0.0625 0.125 0.0625",
        "   0.125  0.25  0.125",
        "  0.0625 0.125 0.0625",
    ]
    assert "divisor    1\n" in page
    assert (
        convcli("kernels", "show", "1/3 2/3", "--weights", "--digits", "2")
        .out.decode()
        .splitlines()[2]
        == "  0.33 0.67"
    )
    data = json.loads(convcli("kernels", "show", "sobel", "--weights", "--json").out)
    assert data["kernels"][0]["matrix"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    data = json.loads(convcli("kernels", "show", "luma", "--weights", "--json").out)
    assert (data["matrix"], data["divisor"]) == ([[[0.299]], [[0.587]], [[0.114]]], 1)
    assert convcli("kernels", "show", "1/8 1/4", "--weights", "-o", "-").out == b"0.125 0.25\n"


def test_show_reads_standard_input():
    assert "  1 2 1\n" in run("show", "-", stdin="1 2 1\n")


def test_show_takes_a_matrix_that_begins_with_a_minus():
    assert run("show", "-1 0 1; -2 0 2", "-o", "-") == "-1 0 1\n-2 0 2\n"
    assert CliRunner().invoke(kernels, ["show", "blur", "--jsno"], **HELP).exit_code == 2


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt", ".json"])
def test_output_writes_a_file_and_prints_its_name(suffix, tmp_path):
    target = tmp_path / f"k{suffix}"
    assert run("show", "blur", "-o", str(target)) == f"{target}\n"
    assert np.array_equal(get_kernel(str(target)).weights, get_kernel("blur").weights)
    with pytest.raises(ImageError, match="--overwrite"):
        run("show", "outline", "-o", str(target))
    run("show", "outline", "-o", str(target), "--overwrite")
    assert np.array_equal(get_kernel(str(target)).weights, get_kernel("outline").weights)


def test_output_draws_a_png(tmp_path):
    target = tmp_path / "k.png"
    assert run("show", "blur", "-o", str(target)) == f"{target}\n"
    with Image.open(target) as image:
        assert min(image.size) > 100
    with pytest.raises(ImageError, match="--overwrite"):
        run("show", "blur", "-o", str(target))


def test_output_to_stdout_is_the_matrix_alone():
    assert run("show", "cross-blur", "-o", "-") == "  0 1/5   0\n1/5 1/5 1/5\n  0 1/5   0\n"


@pytest.mark.slow
@pytest.mark.slow
def test_plot_draws_instead_of_printing(tmp_path):
    target = tmp_path / "k.png"
    assert run("show", "blur", "--plot", str(target)) == f"{target}\n"
    with Image.open(target) as image:
        assert min(image.size) > 500
    content = target.read_bytes()
    with pytest.raises(ImageError, match="--overwrite"):
        run("show", "blur", "--plot", str(target))
    run("show", "blur", "--plot", str(target), "--overwrite")
    assert target.read_bytes() == content


@pytest.mark.slow
def test_list_plot_draws_the_whole_catalogue(tmp_path):
    target = tmp_path / "a.png"
    assert run("list", "--plot", str(target)) == f"{target}\n"
    with Image.open(target) as sheet:
        assert min(sheet.size) > 1800
    with pytest.raises(ImageError, match="--overwrite"):
        run("list", "--plot", str(target))


@pytest.mark.slow
def test_list_plot_draws_one_group(tmp_path):
    target = tmp_path / "a.svg"
    run("list", "--plot", str(target), "--group", "sharpening", "--theme", "slide")
    text = target.read_text()
    assert ">sharpen<" in text
    assert ">unsharp<" in text
    assert ">blur<" not in text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--group", "gradient"], "--plot draws"),
        (["--plot", "a.png", "--group", "graident"], "the groups are simple, smoothing"),
        (["--theme", "dark"], "--plot FILE"),
    ],
)
def test_options_of_a_list_without_meaning_are_refused(flags, said):
    result = CliRunner().invoke(kernels, ["list", *flags], **HELP)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


@pytest.mark.slow
def test_list_plot_on_an_image(tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.png")
    target = tmp_path / "sheet.png"
    run("list", "--plot", str(target), "--on", str(tmp_path / "red.png"), "--group", "sharpening")
    assert target.exists()
    np.save(tmp_path / "five.npy", np.zeros((2, 2, 5)))
    with pytest.raises(ImageError, match=r"five\.npy: has 5 channels; kernels are shown on gray"):
        run("list", "--plot", str(tmp_path / "no.png"), "--on", str(tmp_path / "five.npy"))
    with pytest.raises(ImageError, match="no such file"):
        run("list", "--plot", str(tmp_path / "no.png"), "--on", str(tmp_path / "nothing.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--plot", "k.png"], "--json prints, and --plot draws"),
        (["--on", "k.png"], "--on is the image of --plot"),
        (["--plot", "k.npy"], r"must end with one of \.png"),
    ],
)
def test_what_does_not_go_with_a_list_is_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(kernels, ["list", *arguments], **HELP)
    assert result.exit_code != 0
    assert re.search(message, result.output or str(result.exception))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_plot_and_output_write_both(tmp_path):
    kernel, figure = tmp_path / "k.json", tmp_path / "k.svg"
    printed = run("show", "blur", "-o", str(kernel), "--plot", str(figure))
    assert printed.splitlines() == [str(kernel), str(figure)]
    assert kernel.exists()
    assert figure.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plot", "k.png", "--json"], "--json prints, and --plot draws; choose one"),
        (["--plot", "k.png", "-o", "-"], "-o - prints, and --plot draws; choose one"),
        (["--plot", "k.png", "-o", "./k.png"], "name the same file"),
        (["--plot", "k.npy", "-o", "k.txt"], "must end with one of .png"),
    ],
)
def test_what_does_not_go_with_a_plot_is_refused_before_anything_is_written(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        run("show", "blur", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_shown_or_written_is_explained(tmp_path):
    with pytest.raises(KernelError, match="did you mean outline"):
        run("show", "outlin")
    with pytest.raises(KernelError, match="sobel names 2 kernels"):
        run("show", "sobel", "-o", str(tmp_path / "k.npy"))
    with pytest.raises(UsageError, match="--json"):
        run("show", "sobel-x", "--json", "-o", str(tmp_path / "k.json"))
    with pytest.raises(UsageError, match=r"\.npy, \.csv, \.txt, \.json or \.png"):
        run("show", "sobel-x", "-o", str(tmp_path / "k.gif"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["list"], ["show"]])
def test_help_carries_an_example(command):
    assert "convcli kernels " in run(*command, "--help").partition("Examples:")[2]


@pytest.mark.parametrize(
    "code",
    [
        "convcli.cli.kernels.kernels(['list'], standalone_mode=False)",
        "convcli.cli.kernels.kernels(['list', '--json'], standalone_mode=False)",
        "convcli.cli.kernels.kernels(['--help'], standalone_mode=False)",
        "convcli.kernels.catalogue.complete_kernel('so')",
    ],
)
def test_names_are_listed_and_completed_without_numpy(code):
    imports = "import sys, convcli.cli.kernels, convcli.kernels.catalogue"
    watch = "print([m for m in ('numpy', 'PIL', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{code}\n{watch}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_digits_sets_the_decimals_of_the_weights_that_are_shown(convcli):
    lines = convcli("kernels", "show", "gaussian:3", "--digits", "2").out.decode().splitlines()
    assert re.search(r"\d\.\d{3}", "\n".join(lines).partition("arguments")[0]) is None
    assert [line.split() for line in lines[2:5]] == [
        ["0.06", "0.12", "0.06"],
        ["0.12", "0.27", "0.12"],
        ["0.06", "0.12", "0.06"],
    ]
    for option in (["--json"], ["-o", "-"]):
        assert "hold all digits" in convcli("kernels", "show", "1", "--digits=2", *option).err
