"""The same numbers as scipy, numpy.convolve, torch and OpenCV."""

import numpy as np
import pytest
from scipy import ndimage, signal

from convcli import convolve, cross_correlate, output_size

NDIMAGE = {
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "wrap",
    "zero": "constant",
    "constant": "constant",
}
SIZES = [(1, 1), (3, 3), (5, 3), (2, 2), (4, 3), (1, 6), (7, 2)]


@pytest.mark.parametrize(
    ("ours", "theirs"), [(cross_correlate, ndimage.correlate), (convolve, ndimage.convolve)]
)
@pytest.mark.parametrize("border", NDIMAGE)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float64])
def test_ndimage(ours, theirs, border, dtype, rng):
    image = rng.integers(0, 100, (9, 8)).astype(dtype)
    fill = 7 if border == "constant" else 0
    for size in SIZES:
        kernel = rng.integers(-9, 10, size)
        # ndimage centers an even kernel at k // 2; `same` has its anchor one before.
        origin = [-(1 - k % 2) for k in size]
        wide = image.astype(np.float64)
        expected = theirs(wide, kernel, mode=NDIMAGE[border], cval=fill, origin=origin)
        actual = ours(image, kernel, border=border, fill=fill)
        np.testing.assert_array_equal(actual, expected, err_msg=str(size))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("border", "boundary"), [("zero", "fill"), ("symmetric", "symm"), ("wrap", "wrap")]
)
def test_signal(mode, border, boundary, rng):
    options = {"padding": mode, "border": border}
    for size in SIZES:
        image, kernel = rng.integers(-99, 100, (9, 8)), rng.integers(-9, 10, size)
        expected = signal.convolve2d(image, kernel, mode, boundary)
        np.testing.assert_array_equal(convolve(image, kernel, **options), expected)
        # scipy's `same` correlation flips the anchor of an even kernel
        if mode != "same" or all(k % 2 for k in size):
            expected = signal.correlate2d(image, kernel, mode, boundary)
            np.testing.assert_array_equal(cross_correlate(image, kernel, **options), expected)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_numpy_convolve(mode, rng):
    for taps in range(1, 9):
        row, kernel = rng.integers(-99, 100, 8), rng.integers(-9, 10, taps)
        expected = np.convolve(row, kernel, mode)
        actual = convolve(row[np.newaxis], kernel[np.newaxis], padding=mode, border="zero")
        np.testing.assert_array_equal(actual, expected[np.newaxis])
        column = convolve(row[:, np.newaxis], kernel[:, np.newaxis], padding=mode, border="zero")
        np.testing.assert_array_equal(column, expected[:, np.newaxis])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 4), (5, 2)], ids=str)
@pytest.mark.parametrize("stride", [1, (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
def test_torch(size, stride, dilation, rng):
    torch = pytest.importorskip("torch")
    image, bank = rng.normal(size=(17, 19, 3)), rng.normal(size=(4, 3, *size))
    batch = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    for padding in ["valid", (0, 2), (3, 1), *(["same"] if stride == 1 else [])]:
        theirs = torch.nn.functional.conv2d(
            batch, torch.from_numpy(bank), stride=stride, padding=padding, dilation=dilation
        )
        ours = cross_correlate(
            image, bank, padding=padding, border="zero", stride=stride, dilation=dilation
        )
        expected = theirs[0].numpy().transpose(1, 2, 0)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        assert output_size((17, 19), size, padding, stride, dilation) == expected.shape[:2]


@pytest.mark.parametrize(
    ("border", "theirs"),
    [
        ("edge", "REPLICATE"),
        ("symmetric", "REFLECT"),
        ("reflect", "REFLECT_101"),
        ("zero", "CONSTANT"),
    ],
)
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 256), (np.uint16, 65536), (np.int16, 32768)])
def test_opencv_saturates_alike(border, theirs, dtype, top, rng):
    cv2 = pytest.importorskip("cv2")
    image = rng.integers(0, top, (20, 30, 3)).astype(dtype)
    for size in SIZES[1:]:
        kernel = rng.integers(-2, 4, size)
        options = {
            "anchor": ((size[1] - 1) // 2, (size[0] - 1) // 2),
            "borderType": getattr(cv2, f"BORDER_{theirs}"),
        }
        expected = cv2.filter2D(image, -1, kernel.astype(np.float32), **options)
        actual = cross_correlate(image, kernel, border=border, dtype=dtype)
        np.testing.assert_array_equal(actual, expected, err_msg=str(size))
