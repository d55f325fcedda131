"""The SVG of every command keeps its text; a browser, even with another font, cuts nothing off."""

import json
import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.cli.main import root

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONTS = {"DejaVu Sans": "DejaVu Sans Mono", "Liberation Sans": "Liberation Mono"}
COMMANDS = {
    "apply": "apply -k outline photo.png -o out.png --plot",
    "apply-family": "apply -k sobel --stride 2 --channels g photo.png -o out.png --plot",
    "apply-matrix": "apply -k sobel-x --range raw toy.csv -o out.csv --plot",
    "apply-direction": "apply -k sobel --combine direction --channels gray photo.png --plot",
    "apply-overlay": "apply -k '1 2 1' --normalize signal.csv -o out.csv --overlay --plot",
    "apply-signal": "apply -k '1 2 1' --normalize signal.csv -o out.csv --plot",
    "chain": "chain toy.csv conv -k outline relu maxpool 2 --plot",
    "chain-photo": "chain photo.png conv -k sobel-x relu maxpool 4 --channels g --plot",
    "compare": "compare -k blur --vary border --channels g photo.png -o",
    "compare-kernels": "compare -k sobel-x -k laplacian --vary kernel toy.csv -o",
    "explain": "explain -k gaussian:5 --at 10,20 --channels g photo.png -o",
    "explain-family": "explain -k kirsch --at 3,3 toy.csv -o",
    "explain-layers": "explain --layer 'conv -k gaussian:3' --layer relu --layer 'maxpool 2' "
    "--at 0,0 toy.csv -o",
    "explain-signal": "explain -k '1 2 3' --operation convolve --at 0,2 signal.csv -o",
    "grid": "apply -k kirsch -k sobel-x -k blur photo.png --out-dir out --grid",
    "kernels-list": "kernels list --group gradient --plot",
    "kernels-show": "kernels show gabor --plot",
    "learn": "learn toy.csv edges.csv --descent --plot",
    "pad": "pad toy.csv --padding 2 --border reflect -o padded.csv --plot",
}

# Prints, for each drawing, the texts that leave its page and the pairs of texts that overlap.
MEASURE = """
<script>
function* faults(svg) {
  const page = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
  const boxes = texts.map((text) => text.getBoundingClientRect());
  for (const [index, box] of boxes.entries()) {
    const name = texts[index].textContent.trim();
    if (box.left < page.left - 1 || box.right > page.right + 1 ||
        box.top < page.top - 1 || box.bottom > page.bottom + 1) {
      yield `cut off: ${name}`;
    }
    for (const [other, two] of boxes.entries()) {
      const across = Math.min(box.right, two.right) - Math.max(box.left, two.left);
      const down = Math.min(box.bottom, two.bottom) - Math.max(box.top, two.top);
      // A box of text is as high as the font's line; letters take about two thirds of it.
      if (other > index && across > 1 && down > 0.3 * Math.min(box.height, two.height)) {
        yield `overlap: ${name} | ${texts[other].textContent.trim()}`;
      }
    }
  }
}
addEventListener("load", () => document.fonts.ready.then(() => {
  const found = {};
  for (const part of document.querySelectorAll("div")) {
    found[part.dataset.name] = [...faults(part.querySelector("svg"))];
  }
  document.body.replaceChildren(JSON.stringify(found));
}));
</script>
"""


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """The SVG of each command as a slide, and by turns on screen and on paper."""
    folder = tmp_path_factory.mktemp("drawings")
    rng = np.random.default_rng(5)
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8)).save(folder / "photo.png")
    toy = rng.integers(-9, 10, (8, 8))
    edges = np.diff(toy, axis=1, append=toy[:, -1:])
    matrices = {"toy": toy, "edges": edges, "signal": rng.integers(0, 9, (1, 12))}
    for name, matrix in matrices.items():
        np.savetxt(folder / f"{name}.csv", matrix, fmt="%d", delimiter=",")
    drawn = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, (name, command) in enumerate(COMMANDS.items()):
            for theme in ("slide", ("screen", "paper")[number % 2]):
                target = f"{name}-{theme}.svg"
                words = [*shlex.split(command), target, "--theme", theme, "--overwrite"]
                done = CliRunner().invoke(root, words)
                assert done.exit_code == 0, (words, done.output)
                drawn[f"{name}-{theme}"] = (folder / target).read_text(encoding="utf-8")
    return drawn


def test_text_stays_text(drawings):
    for name, drawing in drawings.items():
        assert drawing.count("<text") > 10, name


def test_captions_name_the_channel_that_was_read(drawings):
    chosen = [name for name, command in COMMANDS.items() if "--channels g " in command]
    assert len(chosen) == 4
    assert all("channel g" in drawings[f"{name}-slide"] for name in chosen)


def test_no_text_of_a_slide_is_smaller_than_14_points(drawings):
    for name, drawing in drawings.items():
        if name.endswith("-slide"):
            width = float(re.search(r'<svg[^>]* width="([\d.]+)pt"', drawing)[1]) / 72
            assert width == pytest.approx(40 / 3, abs=0.01), name
            sizes = [
                float(size) for size in re.findall(r"font(?:-size)?: [^;\"]*?([\d.]+)px", drawing)
            ]
            assert len(sizes) > 10, name
            assert min(sizes) >= 14, name


@pytest.mark.parametrize("font", FONTS)
def test_a_browser_cuts_nothing_off(drawings, font, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("there is no Chromium here")
    listed = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=True)
    if font not in listed.stdout:
        pytest.skip(f"the font {font} is not installed here")
    faces = "".join(
        f"@font-face {{font-family: '{own}'; src: local('{other}')}}"
        for own, other in (("DejaVu Sans", font), ("DejaVu Sans Mono", FONTS[font]))
    )
    parts = "".join(
        f'<div data-name="{name}">{drawing[drawing.index("<svg") :]}</div>'
        for name, drawing in drawings.items()
    )
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><style>{faces}</style>{MEASURE}{parts}")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/user")
    done = subprocess.run(
        [browser, *options, "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    found = json.loads(re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)[1])
    assert set(found) == set(drawings)
    assert {name: faults for name, faults in found.items() if faults} == {}
