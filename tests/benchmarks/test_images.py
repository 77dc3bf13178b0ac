"""Which encoded files are pictures, and what RGB is made of each kind."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from unswayed.errors import BadImage
from unswayed.images import check, open_rgb, size


def encoded(picture: PILImage.Image, kind: str = "PNG", **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def noise(size: tuple[int, int] = (64, 48)) -> PILImage.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return PILImage.fromarray(pixels)


def bomb() -> bytes:
    """A small PNG whose header promises 30,000 x 30,000 pixels."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_whole_pictures_pass_and_cut_off_ones_do_not(kind: str) -> None:
    data = encoded(noise(), kind)
    check(data, "whole")
    with pytest.raises(BadImage, match="'half'"):
        check(data[: len(data) // 2], "half")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello", "no known format begins with b'hello'"),
        (b'<?xml version="1.0"?><svg xmlns="x"></svg>', "SVG drawing; convert it to PNG"),
        (b"\n<!DOCTYPE html><html></html>", "HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no known format"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(data: bytes, words: str) -> None:
    for call in (check, open_rgb):
        with pytest.raises(BadImage, match=words) as caught:
            call(data, "row 7")
        assert "'row 7'" in str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_501, 13_500])
def test_a_picture_of_more_pixels_than_allowed_is_refused_before_it_is_decoded(side: int) -> None:
    data = encoded(PILImage.new("1", (side, 12_800)))
    with pytest.raises(BadImage, match=f"{side} x 12800 pixels; at most 160 million"):
        check(data, "large")


def test_a_decompression_bomb_is_refused() -> None:
    with pytest.raises(BadImage, match="too large"):
        check(bomb(), "bomb")


@pytest.mark.filterwarnings("ignore")  # Pillow mentions some damage, which is as well
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"]), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_picture_is_a_bad_image_or_none_at_all(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(encoded(noise((16, 12)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(200, len(damaged) - 1)))] = data.draw(st.integers(0, 255))
    try:
        check(bytes(damaged), "damaged")
    except BadImage:
        with pytest.raises(BadImage, match="picture 'damaged'"):
            open_rgb(bytes(damaged), "damaged")
    else:
        assert open_rgb(bytes(damaged)).mode == "RGB"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_orientation_that_cannot_be_read_is_ignored() -> None:
    exif = b"Exif\0\0" + b"MM\0*" + b"\xff" * 40
    assert open_rgb(encoded(noise(), "JPEG", exif=exif)).size == (64, 48)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [PILImage.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    check(data, "moving")
    red, green, _ = open_rgb(data).getpixel((4, 4))  # type: ignore[misc]
    assert red > 200
    assert green < 50


@pytest.mark.parametrize(
    ("picture", "kind", "expected"),
    [
        (PILImage.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG", (255, 255, 255)),
        (PILImage.new("RGBA", (2, 2), (255, 0, 0, 255)), "PNG", (255, 0, 0)),
        (PILImage.new("RGBA", (2, 2), (0, 0, 0, 51)), "PNG", (204, 204, 204)),
        (PILImage.new("LA", (2, 2), (10, 0)), "PNG", (255, 255, 255)),
        (PILImage.new("LA", (2, 2), (10, 255)), "PNG", (10, 10, 10)),
        (PILImage.new("L", (2, 2), 7), "PNG", (7, 7, 7)),
        (PILImage.new("1", (2, 2), 1), "PNG", (255, 255, 255)),
        (
            PILImage.new("RGB", (2, 2), (1, 2, 3)).convert("P", palette=PILImage.Palette.ADAPTIVE),
            "PNG",
            (1, 2, 3),
        ),
        (PILImage.new("CMYK", (2, 2), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (PILImage.fromarray(np.full((2, 2), 65535, np.uint16)), "PNG", (255, 255, 255)),
        (PILImage.fromarray(np.full((2, 2), 257 * 100, np.uint16)), "PNG", (100, 100, 100)),
        (PILImage.fromarray(np.full((2, 2), 0.2, np.float32)), "TIFF", (51, 51, 51)),
        (PILImage.fromarray(np.full((2, 2), 51.0, np.float32)), "TIFF", (51, 51, 51)),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(
    picture: PILImage.Image, kind: str, expected: tuple[int, int, int]
) -> None:
    rgb = open_rgb(encoded(picture, kind))
    assert rgb.mode == "RGB"
    assert rgb.size == (2, 2)
    assert rgb.getpixel((0, 0)) == expected


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_becomes_white(mode: str) -> None:
    clear: Any = {"P": 0, "RGB": (0, 0, 0), "L": 0}[mode]
    data = encoded(PILImage.new(mode, (2, 2), clear), transparency=clear)
    assert open_rgb(data).getpixel((0, 0)) == (255, 255, 255)


def test_a_photograph_is_turned_as_its_exif_says() -> None:
    picture = PILImage.new("RGB", (40, 20), "black")
    picture.paste("white", (0, 0, 20, 20))  # white on the left
    exif = PILImage.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise: left becomes top
    rgb = open_rgb(encoded(picture, "JPEG", exif=exif))
    assert rgb.size == (20, 40)
    top, bottom = rgb.getpixel((10, 5)), rgb.getpixel((10, 35))
    assert min(top) > 200  # type: ignore[type-var,arg-type]
    assert max(bottom) < 50  # type: ignore[type-var,arg-type]


@pytest.mark.parametrize("orientation", range(10))
def test_the_size_is_that_of_the_picture_as_shown(orientation: int) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    data = encoded(noise(), "JPEG", exif=exif)
    assert size(data) == open_rgb(data).size
    assert size(data) == ((48, 64) if 5 <= orientation <= 8 else (64, 48))
