"""The page as a file: its size, what it may load, its script, and what a wheel needs of it."""

import base64
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from convcli.errors import UsageError
from convcli.geometry import ConvOptions
from convcli.images.image import image_of
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import KernelSet, get_kernel, read_spec
from convcli.teaching.explore import modules
from convcli.teaching.explore.page import PageInput, PageKernel, PageSetup, explore_page

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src blob:; base-uri 'none'; "
    "form-action 'none'"
)


def page_of(pixels, *specs, conv=ConvOptions(), name="image.png", **options):  # noqa: B008
    kernels = [PageKernel(read_spec(spec), ("-k", spec)) for spec in specs or ["outline"]]
    source = PageInput(image_of(pixels), name, (name,))
    return explore_page(PageSetup(source, kernels, conv, **options))


def state_of(page):
    return json.loads(re.search(r"<script[^>]*data-convcli-state>(.*?)</script>", page)[1])


def unpacked_script(page):
    packed = re.search(r"<script[^>]*data-convcli-packed>(.*?)</script>", page)[1]
    return zlib.decompress(base64.b64decode(packed)).decode()


def test_a_page_loads_nothing():
    page = page_of(np.zeros((3, 4), np.uint8))
    page += unpacked_script(page)
    page = re.sub("(?<=data-convcli-state>).*(?=</script>)", "", page)  # it has programs in Python
    assert f'http-equiv="Content-Security-Policy" content="{POLICY}"' in page
    assert re.findall(r"""(?:src|href)=["']|https?://|\bimport\b[ (]|\bid=""", page) == []


def test_a_page_is_small():
    """The pixels of a color image take 1 MB as text."""
    rng = np.random.default_rng(1)
    assert len(page_of(rng.integers(0, 256, (512, 512, 3), np.uint8)).encode()) < 1_500_000
    assert len(page_of(np.zeros((6, 6))).encode()) < 150_000


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("u1", "u1"), ("u2", "u2"), ("f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("i8", "f8")],
)
def test_pixels_stay_what_they_are(dtype, stored):
    pixels = np.array([[0, 1, 200], [7, 8, 9]], dtype)
    data = state_of(page_of(pixels))["input"]
    assert (data["dtype"], data["shape"]) == (stored, [2, 3, 1])
    read = np.frombuffer(base64.b64decode(data["pixels"]), f"<{stored}")
    assert np.array_equal(read.reshape(2, 3), pixels)


def test_names_cannot_end_a_script_or_a_title():
    page = page_of(np.zeros((3, 4)), name="</script></title><b>\u2028.png")
    assert state_of(page)["input"]["name"] == "</script></title><b>\u2028.png"
    assert page.count("</script>") == 3
    assert "<title>outline over &lt;/script>&lt;/title>&lt;b>" in page


def test_options_set_the_start():
    conv = ConvOptions("convolve", (1, 2), "constant", 7.5, 2, (1, 3))
    page = page_of(np.zeros((9, 9)), "1 2", conv=conv, range="abs", bias=3.0, at=(1, 2))
    assert state_of(page)["settings"] == {
        "kernel": "1 2", "operation": "convolve", "padding": [1, 2], "border": "constant",
        "fill": 7.5, "stride": 2, "dilation": [1, 3], "anchor": "before", "range": "abs",
        "at": [1, 2], "bias": 3.0,
    }  # fmt: skip


def test_a_page_has_all_named_kernels_after_its_own():
    tables = state_of(page_of(np.zeros((3, 3)), "1 2", "blur"))["kernels"]
    specs = [table["spec"] for table in tables]
    assert specs[:2] == ["1 2", "blur"]
    assert sorted(specs[1:]) == sorted(CATALOGUE)


def test_maps_that_no_browser_holds_are_refused():
    conv = ConvOptions(padding=9000)
    with pytest.raises(UsageError, match="padded to 18003x18003 with 1 map of 18001x18001 is too"):
        page_of(np.zeros((3, 3)), conv=conv)


def test_every_module_is_part_of_the_page():
    names = {path.stem for path in modules.FOLDER.glob("*.mjs")}
    entries = "start", "widget", "serve_maps"
    assert {name for entry in entries for name in modules.module_order(entry)} == names


def test_a_name_in_two_modules_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.mjs").write_text('import { b } from "./b.mjs";\nconst same = 1;\n')
    (tmp_path / "b.mjs").write_text("export function b() {}\nfunction same() {}\n")
    monkeypatch.setattr(modules, "FOLDER", tmp_path)
    modules._source.cache_clear()
    try:
        with pytest.raises(ValueError, match="same"):
            modules.joined_script("a")
    finally:
        modules._source.cache_clear()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_joined_script_is_valid(tmp_path):
    script = unpacked_script(page_of(np.zeros((3, 4))))
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    (tmp_path / "page.mjs").write_text(script, encoding="utf-8")
    subprocess.run(["node", "--check", tmp_path / "page.mjs"], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_modules_export_what_others_import():
    """Node links them; outside a document, the last one waits for jobs as a worker does."""
    subprocess.run(["node", modules.FOLDER / "start.mjs"], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_session_keeps_the_order_of_changes():
    done = subprocess.run(
        ["node", "--test", Path(__file__).with_name("session.test.mjs")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def linear(level):
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def contrast(one, other):
    """The contrast of two colors: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted(
        np.dot([0.2126, 0.7152, 0.0722], [linear(level / 255) for level in bytes.fromhex(color)])
        for color in (one, other)
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_have_the_contrast_of_aa(scheme):
    """Texts have 4.5 on every ground, and the edges of controls 3."""
    css = (modules.FOLDER / "page.css").read_text()
    light, dark = re.split(r"@media \(prefers-color-scheme: dark\) \{", css)
    colors = dict(re.findall(r"--(\w+): #(\w{6});", light))
    if scheme == "dark":
        colors |= dict(re.findall(r"--(\w+): #(\w{6});", dark))
    assert re.search(r"::placeholder \{\s+color: var\(--faint\);\s+opacity: 1;", css)
    for ground in ("paper", "panel", "field"):
        for ink in ("ink", "faint", "accent", "negative", "positive"):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)
        assert contrast(colors["edge"], colors[ground]) >= 3, ground


def test_every_text_has_a_name_of_its_own():
    names = re.findall(r"^  (\w+):", (modules.FOLDER / "texts.mjs").read_text(), re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_families_share_their_members_weights():
    tables = {table["spec"]: table for table in state_of(page_of(np.zeros((3, 3))))["kernels"]}
    assert tables["sobel"]["kernels"] == ["sobel-x", "sobel-y"]
    halved = get_kernel("sobel-x").with_divisor(2)
    own = PageKernel(KernelSet("sobel-x", (halved,)), ("-k", "sobel-x"))
    source = PageInput(image_of(np.zeros((3, 3))), "", ())
    tables = {
        table["spec"]: table
        for table in state_of(explore_page(PageSetup(source, [own], ConvOptions())))["kernels"]
    }
    assert tables["sobel-x"]["kernels"][0]["divisor"] == 2
    assert "divisor" not in tables["sobel"]["kernels"][0]
