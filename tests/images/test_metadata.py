"""XMP, texts, comments and PNG's color chunks, from input to result; what is left out is named."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from convcli.errors import ImageError
from convcli.images.formats import named_format
from convcli.images.image import ImageData, Metadata
from convcli.images.notes import Damage, Detail, visible
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames, write_image

RGB = np.random.default_rng(4).integers(0, 256, (8, 11, 3), np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="\xc3\xa4" '
    b'tiff:Orientation="%d"/></x:xmpmeta>'
)
COLOR_CHUNKS = {
    b"gAMA": struct.pack(">I", 45_455),
    b"cHRM": struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000),
    b"sRGB": b"\x01",
}


def saved(form, frames=1, **options):
    images = [Image.fromarray(np.roll(RGB, 3 * number, 1)) for number in range(frames)]
    if frames > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": 50}
    file = io.BytesIO()
    images[0].save(file, form, **options)
    return file


def png_chunks(data):
    """The chunks of a PNG, walked through one by one."""
    found, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, place + 8 + length)
        assert checksum == zlib.crc32(name + content)
        found.append((name, content))
        place += length + 12
    return found


def with_chunks(png, *chunks, at_end=False):
    """A PNG with more chunks, after its header or before its end."""
    added = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    place = len(png) - 12 if at_end else 33
    return png[:place] + added + png[place:]


def read(source, **options):
    source = io.BytesIO(source) if isinstance(source, bytes) else source
    return read_image(source, name="it", options=ReadOptions(**options))


def result_of(image, suffix, **options):
    file = io.BytesIO()
    notes = write_image(image, file, named_format(None, suffix), WriteOptions(**options))
    return file.getvalue(), notes


def opened(data):
    im = Image.open(io.BytesIO(data))
    im.load()
    return im


def xmp_input(form, xmp):
    if form == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return saved(form, pnginfo=info)
    if form == "TIFF":
        return saved(form, tiffinfo={700: xmp})
    return saved(form, xmp=xmp)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_xmp_is_carried_and_turns_nothing_twice(form, suffix):
    image = read(xmp_input(form, XMP % 6))
    assert image.shape == (11, 8)
    data, notes = result_of(image, suffix)
    assert not visible(notes)
    im = opened(data)
    assert im.size == (8, 11)
    assert im.getexif().get(0x0112, 1) == 1
    assert b'dc:title="\xc3\xa4"' in opened(data).info["xmp"]
    if form != "TIFF":  # Pillow takes the orientation out of a TIFF's XMP
        assert opened(data).info["xmp"] == XMP % 1
        if suffix == "png":  # Adobe asks for text that is not compressed
            assert (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP % 1) in png_chunks(data)
    assert read(data).shape == (11, 8)


@pytest.mark.parametrize(
    "written", [b'tiff:Orientation="8"', b"tiff:Orientation = '8'", b"<tiff:Orientation>8</tiff:"]
)
def test_an_orientation_is_found_however_it_is_written(written):
    data, _ = result_of(read(xmp_input("WEBP", b"<x " + written + b">")), "webp")
    assert opened(data).info["xmp"] == b"<x " + written.replace(b"8", b"1") + b">"


def test_xmp_in_a_plain_text_of_a_png_is_xmp():
    text = (b"tEXt", b"XML:com.adobe.xmp\0" + XMP % 6)
    image = read(with_chunks(saved("PNG").getvalue(), text))
    assert image.shape == (11, 8)
    for suffix in ("png", "jpg"):
        assert opened(result_of(image, suffix)[0]).info["xmp"] == XMP % 1


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "zstd", "lzma"])
def test_a_compressed_tiff_holds_exif_and_xmp(compression):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769)[0x829A] = 0.125
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 12.5)
    source = saved("JPEG", exif=exif, xmp=XMP % 1, dpi=(300, 150), icc_profile=PROFILE)
    image = read(source)
    pages = io.BytesIO()
    options = WriteOptions(compression=compression)
    notes = write_frames([image] * 3, pages, named_format(None, "tif"), options)
    assert not notes
    with Image.open(pages) as im:
        for page in range(3):
            im.seek(page)
            assert np.array_equal(im, image.pixels)
            assert im.info["dpi"] == (300, 150)
            assert im.info["icc_profile"] == PROFILE
            assert im.info["xmp"] == XMP % 1
            tags = im.getexif()
            assert tags[0x010F] == "a camera"
            assert float(tags.get_ifd(0x8769)[0x829A]) == 0.125
            assert tags.get_ifd(0x8825)[2] == (51.0, 30.0, 12.5)
    if compression not in ("zstd", "lzma"):  # OpenCV has neither
        complete, found = cv2.imdecodemulti(np.frombuffer(pages.getvalue(), np.uint8), -1)
        assert complete
        assert all(np.array_equal(page[..., ::-1], image.pixels) for page in found)
        assert len(found) == 3


def test_the_texts_of_a_png_are_carried():
    info = PngInfo()
    info.add_text("Author", "Ann \xe4")
    info.add_text("Long", "word " * 1000, zip=True)
    info.add_itxt("Title", "\u03c0", lang="el", tkey="\u03c4")
    info.add_itxt("Greek", "\u03bb" * 3000)
    data, notes = result_of(read(saved("PNG", pnginfo=info)), "png")
    assert not notes
    texts = opened(data).text
    assert texts == {
        "Author": "Ann \xe4",
        "Long": "word " * 1000,
        "Title": "\u03c0",
        "Greek": "\u03bb" * 3000,
    }
    assert (texts["Title"].lang, texts["Title"].tkey) == ("el", "\u03c4")
    names = [name for name, _ in png_chunks(data)]
    assert names[1:5] == [b"tEXt", b"zTXt", b"iTXt", b"iTXt"]
    assert len(data) < 2500


def test_texts_after_the_pixels_are_carried():
    source = with_chunks(saved("PNG").getvalue(), (b"tEXt", b"Author\0Ann"), at_end=True)
    assert opened(result_of(read(source), "png")[0]).text == {"Author": "Ann"}


def test_texts_that_no_longer_hold_are_named():
    texts = {
        b"Raw profile type iptc": b"\niptc\n 0\n",
        b"date:modify": b"2020-01-01",
        b"Thumb::MTime": b"1",
        b"x" * 80: b"too long a name",
    }
    png = with_chunks(
        saved("PNG").getvalue(), *[(b"tEXt", name + b"\0" + text) for name, text in texts.items()]
    )
    image = read(png)
    assert [type(note) for note in image.notes] == [Detail]
    for word in ("'Raw profile type iptc'", "'date:modify'", "'Thumb::MTime'", "xxx...'"):
        assert word in image.notes[0]
    assert opened(result_of(image, "png")[0]).text == {}


@pytest.mark.parametrize("suffix", ["jpg", "gif", "png", "jp2"])
@pytest.mark.parametrize("form", ["JPEG", "GIF", "PNG", "JPEG2000"])
def test_comments_are_carried(form, suffix):
    info = PngInfo()
    info.add_text("Comment", "a note \xe4")
    comment = "a note \xe4".encode()
    source = saved(form, pnginfo=info) if form == "PNG" else saved(form, comment=comment)
    data, _ = result_of(read(source), suffix)
    kept = opened(data).info["Comment" if suffix == "png" else "comment"]
    assert kept == (comment.decode() if suffix == "png" else comment)


def test_a_comment_may_hold_anything():
    for comment in (b"\xff\0\xfe", b"x" * 1000, b"\0"):
        for suffix in ("jpg", "gif"):
            data, _ = result_of(read(saved("JPEG", comment=comment)), suffix)
            assert opened(data).info["comment"] == comment
    ended = read(saved("JPEG", comment=b"LEAD \xe4\0"))
    assert opened(result_of(ended, "png")[0]).text == {"Comment": "LEAD \xe4"}
    data, notes = result_of(read(saved("JPEG", comment=b"a\0b")), "png")
    assert opened(data).text == {}
    assert notes == ("PNG text 'Comment' left out: it holds zero bytes",)
    assert isinstance(notes[0], Detail)


def test_all_comments_of_a_jpeg_are_carried():
    jpeg = saved("JPEG", comment=b"first").getvalue()
    two = jpeg[:2] + b"\xff\xfe\0\x06more" + jpeg[2:]
    data, _ = result_of(read(two), "jpg")
    assert opened(data).info["comment"] == b"more\nfirst"


@pytest.mark.parametrize("channels", ["auto", "gray"])
def test_color_chunks_of_a_png_are_carried(channels):
    source = with_chunks(saved("PNG").getvalue(), *COLOR_CHUNKS.items())
    data, notes = result_of(read(source, channels=channels), "png")
    chunks = png_chunks(data)
    assert dict(chunks[1:4]) == COLOR_CHUNKS
    assert not notes


def test_a_profile_and_srgb_exclude_each_other():
    png = saved("PNG", icc_profile=PROFILE).getvalue()
    data, _ = result_of(read(with_chunks(png, *COLOR_CHUNKS.items())), "png")
    names = [name for name, _ in png_chunks(data)]
    assert b"iCCP" in names
    assert b"gAMA" in names
    assert b"sRGB" not in names


def test_chunks_of_the_old_pixels_stay_behind():
    source = with_chunks(
        saved("PNG").getvalue(),
        (b"tRNS", bytes(6)),
        (b"bKGD", bytes(6)),
        (b"tIME", bytes([7, 228, 1, 1, 0, 0, 0])),
    )
    names = {name for name, _ in png_chunks(result_of(read(source), "png")[0])}
    assert names == {b"IHDR", b"IDAT", b"IEND"}


def test_what_a_format_cannot_hold_is_named():
    source = saved("JPEG", comment=b"c", xmp=XMP % 1, icc_profile=PROFILE, dpi=(72, 72))
    _, notes = result_of(read(source), "tga")
    assert notes == ("ICC profile, resolution, XMP, comment left out: .tga holds none",)
    assert not visible(notes)
    info = PngInfo()
    info.add_text("Author", "Ann")
    png = with_chunks(saved("PNG", pnginfo=info).getvalue(), *COLOR_CHUNKS.items())
    _, notes = result_of(read(png), "webp")
    assert notes == ("PNG text, gAMA, cHRM, sRGB left out: .webp holds none",)
    assert result_of(read(png), "npy")[1] == ()
    assert read(saved("TIFF", tiffinfo={33723: b"iptc"})).notes == (
        "left out: IPTC and Photoshop's data",
    )


def test_a_profile_of_colors_is_named_where_the_result_is_gray():
    image = read(saved("JPEG", icc_profile=PROFILE), channels="gray")
    assert image.notes == ("ICC profile left out: it does not describe gray pixels",)
    assert isinstance(image.notes[0], Detail)
    assert "icc_profile" not in opened(result_of(image, "jpg")[0]).info
    color = read(saved("JPEG", icc_profile=PROFILE))
    _, notes = result_of(color._replace(pixels=color.pixels[..., 0]), "jpg")
    assert notes == ("ICC profile left out: it does not describe the result's pixels",)


def test_the_limits_of_jpeg_are_notes():
    fits = Metadata(xmp=b"x" * 65_504, comment=b"c" * 65_533)
    data, notes = result_of(ImageData(RGB, 8, metadata=fits), "jpg")
    assert notes == ()
    assert opened(data).info["xmp"] == fits.xmp
    assert opened(data).info["comment"] == fits.comment
    data, notes = result_of(
        ImageData(RGB, 8, metadata=Metadata(xmp=fits.xmp + b"x", comment=fits.comment + b"c")),
        "jpg",
    )
    assert visible(notes) == [
        "XMP left out: .jpg holds at most 64 KiB",
        "comment left out: .jpg holds at most 64 KiB",
    ]
    assert {"xmp", "comment"}.isdisjoint(opened(data).info)
    comment = b"c" * 65_531
    data, notes = result_of(ImageData(RGB, 8, metadata=Metadata(comment=comment)), "jp2")
    assert (opened(data).info["comment"], notes) == (comment, ())
    _, notes = result_of(ImageData(RGB, 8, metadata=Metadata(comment=comment + b"c")), "jp2")
    assert notes == ("comment left out: .jp2 holds at most 64 KiB",)


@pytest.mark.parametrize(
    ("suffix", "most", "limit"),
    [
        ("jpg", 65_535, "1 to 65,535 dpi"),
        ("png", 50_000_000, "0 to 50,000,000 dpi"),
        ("bmp", 50_000_000, "0 to 50,000,000 dpi"),
    ],
)
def test_a_resolution_beyond_the_format_is_a_note(suffix, most, limit):
    data, notes = result_of(ImageData(RGB, 8, metadata=Metadata(dpi=(most, 72))), suffix)
    assert notes == ()
    assert opened(data).info["dpi"] == pytest.approx((most, 72), rel=1e-3)
    for dpi in (most + 1, float("inf")):
        image = ImageData(RGB, 8, metadata=Metadata(dpi=(72, dpi)))
        data, notes = result_of(image, suffix)
        assert notes == (f"resolution left out: .{suffix} holds {limit}",)
        assert opened(data).info.get("dpi", (96, 96)) == pytest.approx(
            (96, 96), rel=1e-3
        )  # BMP's default
    small = ImageData(RGB, 8, metadata=Metadata(dpi=(0.3, 72)))
    assert len(result_of(small, suffix)[1]) == (suffix == "jpg")


@pytest.mark.slow
def test_xmp_of_ten_megabytes_is_carried():
    xmp = b"<x>" + b" " * 10_000_000 + b"</x>"
    source = xmp_input("WEBP", xmp)
    for suffix in ("png", "tif", "webp"):
        assert opened(result_of(read(source), suffix)[0]).info["xmp"] == xmp


@pytest.mark.parametrize("xmp", [b"<x \xff>", "<x>".encode("utf-16"), b"a\0b"])
def test_xmp_that_is_not_text_is_told_as_damaged(xmp):
    source = xmp_input("WEBP", xmp)
    image = read(source)
    assert image.metadata.xmp is None
    assert image.notes == ("its XMP is not UTF-8 text and was left out",)
    assert isinstance(image.notes[0], Damage)
    with pytest.raises(ImageError, match="XMP"):
        read(source, strict=True)


def test_a_text_bomb_is_refused_in_words():
    bomb = b"Comment\0\0" + zlib.compress(bytes(2_000_000))
    for at_end in (False, True):
        png = with_chunks(saved("PNG").getvalue(), (b"zTXt", bomb), at_end=at_end)
        with pytest.raises(ImageError, match="holds compressed text or a profile above 1 MiB"):
            read(png)


def test_texts_named_like_pillows_own_facts_do_no_harm():
    names = (b"gamma", b"srgb", b"chromaticity", b"icc_profile", b"comment", b"exif")
    png = with_chunks(saved("PNG").getvalue(), *[(b"tEXt", name + b"\0text") for name in names])
    data, _ = result_of(read(png), "png")
    assert sorted(opened(data).text) == ["chromaticity", "comment", "gamma", "icc_profile", "srgb"]


@pytest.mark.parametrize(("form", "suffix"), [("PNG", "png"), ("WEBP", "webp"), ("PNG", "avif")])
def test_an_animation_carries_them_once(form, suffix):
    info = PngInfo()
    info.add_text("Author", "Ann")
    info.add_itxt("XML:com.adobe.xmp", (XMP % 1).decode())
    source = saved(form, 3, pnginfo=info) if form == "PNG" else saved(form, 3, xmp=XMP % 1)
    frames = list(read_frames(source, name="it"))
    assert len(frames) == 3
    file = io.BytesIO()
    write_frames(frames, file, named_format(None, suffix))
    assert file.getvalue().count(XMP % 1) == 1
    im = opened(file.getvalue())
    assert im.info["xmp"] == XMP % 1
    if suffix == "png":
        assert im.text["Author"] == "Ann"
        names = [name for name, _ in png_chunks(file.getvalue())]
        assert (names.count(b"tEXt"), names.count(b"iTXt"), names.count(b"fcTL")) == (1, 1, 3)


def test_an_animated_gif_carries_its_comment():
    frames = list(read_frames(saved("GIF", 3, comment=b"note"), name="it"))
    file = io.BytesIO()
    write_frames(frames, file, named_format(None, "gif"))
    assert file.getvalue().count(b"\x04note\0") == 1
    with Image.open(file) as im:
        assert im.info["comment"] == b"note"
        assert getattr(im, "n_frames", 1) == 3
