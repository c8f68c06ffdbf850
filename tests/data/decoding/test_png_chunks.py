"""The size of a PNG is known without its pixels, and an orientation is found wherever it stands."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from heatproof.data.decoding.png_chunks import may_be_turned
from heatproof.data.pixels import ImageFile
from heatproof.errors import PixelError

FILM = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)  # of several chunks
END = 12  # bytes of the last chunk
EXIF = Image.Exif()
EXIF[274] = 6
XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def saved(path, **options):
    Image.fromarray(FILM).save(path, **options)
    return path


def with_text(keyword, text):
    told = PngImagePlugin.PngInfo()
    told.add_itxt(keyword, text)
    return told


def behind(path, extra):
    content = saved(path).read_bytes()
    path.write_bytes(content[:-END] + extra + content[-END:])
    return path


@pytest.mark.parametrize(
    "make",
    [
        lambda path: saved(path, exif=EXIF),
        lambda path: behind(path, chunk(b"eXIf", EXIF.tobytes().removeprefix(b"Exif\0\0"))),
        lambda path: saved(path, pnginfo=with_text("XML:com.adobe.xmp", XMP)),
        lambda path: behind(path, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.encode())),
    ],
    ids=["EXIF", "EXIF behind the pixels", "XMP", "XMP behind the pixels"],
)
def test_a_turned_png_is_refused_by_its_header_as_when_it_is_read(tmp_path, make) -> None:
    film = ImageFile(make(tmp_path / "film.png"))
    for ask in (film.size, film.read):
        with pytest.raises(PixelError, match="EXIF orientation 6"):
            ask()


def test_a_comment_is_no_orientation(tmp_path) -> None:
    path = saved(tmp_path / "film.png", pnginfo=with_text("Software", "scanner"))
    assert not may_be_turned(path)
    assert ImageFile(path).size() == FILM.shape


def test_a_header_is_read_without_the_pixels(tmp_path) -> None:
    """A wrong byte among the pixels is found where they are decoded, and only there."""
    content = bytearray(saved(tmp_path / "film.png").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "film.png").write_bytes(content)
    film = ImageFile(tmp_path / "film.png")
    assert film.size() == FILM.shape
    with pytest.raises(PixelError, match="cannot be decoded"):
        film.read()


@pytest.mark.parametrize("lost", [1, END, END + 1, 100, 60_000])
def test_a_file_that_was_cut_is_refused_by_its_header_if_it_cannot_be_read(tmp_path, lost) -> None:
    content = saved(tmp_path / "film.png").read_bytes()
    (tmp_path / "film.png").write_bytes(content[:-lost])
    film = ImageFile(tmp_path / "film.png")
    try:
        film.read()
    except PixelError:
        assert lost > END
        with pytest.raises(PixelError, match="truncated"):
            film.size()
    else:
        assert film.size() == FILM.shape
