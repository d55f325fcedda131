import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import matplotlib
import numpy as np
import pytest
from matplotlib.backend_bases import FigureCanvasBase, FigureManagerBase
from matplotlib.figure import Figure
from PIL import Image

import convcli
from convcli.errors import ImageError, UsageError
from convcli.figure_options import FigureOptions
from convcli.kernels.kernel import Kernel
from convcli.plotting.heatmap import draw_kernel
from convcli.plotting.save import SUFFIXES, check_suffix, save_figure, show_figure
from convcli.plotting.style import style_context

KERNEL = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")
MAGIC = {
    ".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml", ".jpg": b"\xff\xd8",
    ".jpeg": b"\xff\xd8", ".webp": b"RIFF", ".tif": b"II*", ".tiff": b"II*",
}  # fmt: skip

SAVE = """
import sys
from pathlib import Path
from convcli.plotting.heatmap import draw_kernel
from convcli.plotting.save import save_figure
from convcli.kernels.kernel import Kernel
kernel = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")
save_figure(draw_kernel(kernel), Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""


def in_new_process(target, **environment):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run(
        [sys.executable, "-c", SAVE, target],
        env=environment, cwd=target.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_gives_its_format_and_the_same_bytes_again(suffix, tmp_path):
    first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    for target in (first, second):
        save_figure(draw_kernel(KERNEL), target)
    assert first.read_bytes().startswith(MAGIC[suffix])
    assert digest(first) == digest(second)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_no_date_and_no_version_is_in_the_file(suffix, tmp_path):
    target = tmp_path / f"k{suffix}"
    save_figure(draw_kernel(KERNEL), target)
    written = target.read_bytes()
    for mark in (b"CreationDate", b"<dc:date>", b"<dc:title>Matplotlib", b"Software", b"Producer"):
        assert mark not in written


@pytest.mark.slow
def test_a_png_has_150_pixels_to_the_inch(tmp_path):
    figure = draw_kernel(KERNEL)
    save_figure(figure, tmp_path / "k.PNG")
    with Image.open(tmp_path / "k.PNG") as image:
        width, height = figure.get_size_inches()
    assert image.size == (round(width * 150), round(height * 150))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_letters_that_no_font_has_are_named(suffix, tmp_path):
    figure = Figure()
    figure.suptitle("\ue000\n\ue001 letters for private use \ue000")
    notes = save_figure(figure, tmp_path / f"k{suffix}")
    expected = "no font here has the letters '\\ue000\\ue001': boxes stand for them"
    assert notes in ((), (expected,))
    assert notes or suffix in (".svg", ".pdf")
    assert save_figure(Figure(), tmp_path / f"k2{suffix}") == ()


def test_a_title_of_two_lines_has_two_lines():
    figure = draw_kernel(KERNEL, FigureOptions(title="two\nlines"))
    assert figure.get_suptitle() == "two\nlines"


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
def test_a_figure_longer_than_its_format_allows_is_refused_in_words(suffix, tmp_path):
    with pytest.raises(UsageError, match=r"the figure has 150x75,000 pixels.*use \.png"):
        save_figure(Figure(figsize=(1, 500), dpi=150), tmp_path / f"k{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_users_settings_change_neither_the_bytes_nor_stderr(tmp_path):
    here = tmp_path / "here.png"
    save_figure(draw_kernel(KERNEL), here)
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nsavefig.bbox: tight\nno.key: 1\n")
    there = tmp_path / "there.png"
    done = in_new_process(there, MPLBACKEND="svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert digest(here) == digest(there)


@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_not_mentioned(tmp_path):
    environment = {"HOME": "/dev/null/home", "MPLCONFIGDIR": "", "XDG_CONFIG_HOME": ""}
    done = in_new_process(tmp_path / "k.svg", XDG_CACHE_HOME="", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_an_unknown_backend_is_a_usage_error(tmp_path):
    done = in_new_process(tmp_path / "k.png", MPLBACKEND="paper")
    assert "UsageError: matplotlib does not start" in done.stderr.splitlines()[-1]
    assert "MPLBACKEND" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_global_settings_stay_as_they_were(tmp_path):
    with matplotlib.rc_context({"axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        save_figure(draw_kernel(KERNEL), tmp_path / "k.png")
        assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["k", "k.bmp", "png", "k.npy"])
def test_an_unknown_suffix_is_an_error_that_lists_the_known_ones(name, tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.pdf, \.svg") as caught:
        save_figure(draw_kernel(KERNEL), tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_check_suffix_ignores_case():
    assert check_suffix(Path("a.TIF")) == "tif"


@pytest.mark.slow
def test_a_file_is_replaced_only_with_overwrite(tmp_path):
    target = tmp_path / "k.png"
    target.write_bytes(b"mine")
    with pytest.raises(ImageError, match="--overwrite"):
        save_figure(draw_kernel(KERNEL), target)
    assert target.read_bytes() == b"mine"
    save_figure(draw_kernel(KERNEL), target, overwrite=True)
    assert target.read_bytes().startswith(MAGIC[".png"])


@pytest.mark.slow
def test_letters_that_the_font_lacks_are_drawn_without_a_warning(tmp_path):
    figure = draw_kernel(KERNEL)
    with style_context():
        figure.suptitle("卷积 $x")
    save_figure(figure, tmp_path / "k.png")
    assert (tmp_path / "k.png").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are Linux's here")
def test_no_display_is_a_usage_error(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match="none was found; --plot FILE writes the figure"):
        show_figure([draw_kernel(KERNEL)])


class Manager(FigureManagerBase):
    """A window system without windows."""

    blocked: ClassVar[list[bool]] = []
    shown: ClassVar[list[Figure]] = []

    @classmethod
    def pyplot_show(cls, *, block=None):
        from matplotlib._pylab_helpers import Gcf

        cls.blocked.append(block)
        cls.shown = [manager.canvas.figure for manager in Gcf.get_all_fig_managers()]
        Gcf.destroy_all()


class FigureCanvas(FigureCanvasBase):
    manager_class = Manager
    required_interactive_framework = "headless"  # so that pyplot takes it without a display


@pytest.fixture
def backend(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setenv("DISPLAY", ":0")
    old = plt.get_backend()
    yield plt.switch_backend
    plt.switch_backend(old)


@pytest.fixture
def window_system(backend, monkeypatch):
    monkeypatch.setitem(sys.modules, "paper_windows", sys.modules[__name__])
    backend("module://paper_windows")


@pytest.mark.slow
def test_windows_show_the_figures_and_block(window_system):
    figures = [draw_kernel(KERNEL), draw_kernel(Kernel(np.ones((2, 2), int)))]
    Manager.blocked.clear()
    show_figure(figures)
    assert Manager.blocked == [True]
    assert Manager.shown == figures


def test_a_backend_without_windows_is_a_usage_error(backend):
    import matplotlib.pyplot as plt

    backend("agg")
    with pytest.raises(UsageError, match=r"no window opens .*agg.*; --plot FILE writes the figure"):
        show_figure([draw_kernel(KERNEL)])
    assert not plt.get_fignums()


def test_a_failing_window_gives_a_message_of_one_line(window_system, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError("cannot connect\nto the display")

    monkeypatch.setattr(FigureCanvas, "new_manager", fail)
    with pytest.raises(UsageError, match=r"\(cannot connect to the display\)"):
        show_figure([draw_kernel(KERNEL)])


def test_a_figure_shows_and_saves_itself(tmp_path):
    figure = convcli.plot([[1, 2], [3, 4]], [[1, -1]])
    assert isinstance(figure, Figure)
    assert figure._repr_png_()[0].startswith(MAGIC[".png"])
    figure.save(tmp_path / "f.svg")
    text = (tmp_path / "f.svg").read_text()
    assert text.count("<text") > 10
    assert "text{white-space: pre}" in text  # else browsers drop blanks that align lines
    with pytest.raises(ImageError, match=r"f\.svg: exists already; overwrite=True replaces it$"):
        figure.save(tmp_path / "f.svg")
    figure.save(tmp_path / "f.svg", overwrite=True)
    assert convcli.plot("sobel-x", theme="slide").get_figwidth() == pytest.approx(40 / 3)
