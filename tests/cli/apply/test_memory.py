"""A large image is filtered in little more memory than it and its result take."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

MIB = 1 << 20
MEASURE = """
import sys
import numpy, PIL.Image
if sys.argv[1:]:
    from convcli.cli.main import root
    try:
        root.main(sys.argv[1:], prog_name="convcli")
    except SystemExit as end:
        assert end.code == 0, end.code
# Not ru_maxrss, which an exec inherits from the process that started this one.
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return int(done.stderr.splitlines()[-1]) * 1024


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.posix
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_outline_of_24_megapixels(here):
    tile = Image.radial_gradient("L").resize((6000, 4000), Image.Resampling.NEAREST)
    Image.merge("RGB", (tile, tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT), tile)).save("in.jpg")
    pixels = 6000 * 4000 * 3
    used = peak("apply", "-k", "outline", "in.jpg", "-o", "out.jpg") - peak()
    assert pixels < used <= 2 * pixels + 80 * MIB, f"{used / MIB:.0f} MiB"
    with Image.open("out.jpg") as image:
        assert image.size == (6000, 4000)


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "-k", "blur", "in.png"],
        ["explain", "-k", "blur", "--at", "0,0", "in.png"],
        ["explain", "-k", "blur", "--at", "0,0", "--matrix", "1 2 3"],
        ["animate", "-k", "blur", "in.png", "-o", "a.gif"],
        ["compare", "-k", "blur", "--vary", "border", "in.png"],
        ["chain", "in.png", "relu"],
        ["learn", "in.png", "in.png"],
        ["kernels", "list", "--plot", "k.png", "--on", "in.png"],
    ],
)
def test_the_limit_holds_in_every_command(convcli, save, contents, command):
    save("in.png", np.zeros((900, 900), np.uint8))
    before = contents()
    ran = convcli(*command, "--max-memory", "3k")
    ran.fails(1, " needs about ", "the limit of 3 KiB; make the image, ", "with --max-memory")
    assert contents() == before


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.posix
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_results_that_are_kept_follow_the_padding(process, gray, here):
    """Six results of 2,514 rows and columns, and the array of them, are 70 MiB."""
    kernels = [word for name in ("outline", "blur", "sobel-x") for word in ("-k", name, "-k", name)]
    command = ["apply", *kernels, "--padding", "1250", "gray.png", "--stack", "s.npy"]
    process(*command, "--max-memory", "90M").fails(1, "gray.png: needs about ", "limit of 90 MiB")
    assert peak(*command, "--max-memory", "150M") - peak() < 150 * MIB


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.posix
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("more", [[], ["--range", "rescale"]])
def test_frames_that_are_filtered_together_keep_within_the_limit(here, more):
    page = Image.new("L", (8, 8), 7)
    page.save("in.tif", save_all=True, append_images=[page] * 299)
    command = ["apply", "-k", "blur", "--frames", "all", "in.tif", "-o", "o.tif", *more]
    assert peak(*command, "--padding", "200", "--max-memory", "60M") - peak() < 60 * MIB
