"""Decoding one picture file: whatever its mode and size, it becomes the same kind of square."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlens.data import pictures as pictures_module
from ganlens.data.pictures import PictureForm, Unreadable, decode_picture, usual_size


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(mode: str, colour: object, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "colour", "grey"),
    [
        (encoded(flat("RGB", (10, 20, 30))), (10, 20, 30), False),
        (encoded(flat("L", 77)), (77, 77, 77), True),
        (encoded(flat("RGB", (77, 77, 77))), (77, 77, 77), True),
        (encoded(flat("1", 1)), (255, 255, 255), True),
        (encoded(flat("RGB", (200, 40, 0)).quantize(4)), (200, 40, 0), False),
        (encoded(flat("RGBA", (200, 0, 0, 0))), (255, 255, 255), True),  # transparent: the white below
        (encoded(flat("RGBA", (200, 0, 0, 255))), (200, 0, 0), False),
        (encoded(flat("LA", (100, 255))), (100, 100, 100), True),
        (encoded(Image.fromarray(np.full((8, 8), 257 * 60, np.uint16))), (60, 60, 60), True),
        (encoded(Image.fromarray(np.full((8, 8), 0.5, np.float32)), "TIFF"), (128, 128, 128), True),
        (encoded(flat("CMYK", (0, 255, 255, 0)), "TIFF"), (255, 0, 0), False),
        (encoded(flat("RGB", (9, 99, 199)), "WEBP", lossless=True), (9, 99, 199), False),
        (encoded(flat("RGB", (9, 99, 199)), "BMP"), (9, 99, 199), False),
    ],
)
def test_every_mode_becomes_rgb(picture: bytes, colour: tuple[int, int, int], grey: bool) -> None:
    pixels, is_grey = decode_picture(picture, PictureForm(4, 4))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 4, 4)
    assert [channel.min() for channel in pixels] == [channel.max() for channel in pixels] == list(colour)
    assert is_grey == grey


def test_half_transparent_is_mixed_with_white() -> None:
    pixels, _ = decode_picture(encoded(flat("RGBA", (0, 0, 0, 51))), PictureForm(4, 4))
    assert pixels[:, 0, 0].tolist() == [204, 204, 204]


def test_a_palette_with_a_transparent_entry_is_laid_over_white() -> None:
    picture = Image.fromarray(np.array([[0, 1]] * 2, dtype=np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    pixels, _ = decode_picture(encoded(picture, transparency=0), PictureForm(2, 2))
    assert pixels[:, 0, 0].tolist() == [255, 255, 255]
    assert pixels[:, 0, 1].tolist() == [0, 0, 255]


def test_the_camera_s_orientation_is_applied() -> None:
    upright = np.zeros((16, 16, 3), dtype=np.uint8)
    upright[:8] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90° clockwise to see it upright"
    lying = Image.fromarray(np.rot90(upright).copy())
    pixels, _ = decode_picture(encoded(lying, "JPEG", exif=exif, quality=100), PictureForm(16, 16))
    assert pixels[:, :6].min() > 240
    assert pixels[:, 10:].max() < 15


def test_the_middle_of_a_long_picture_is_kept() -> None:
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 8:22] = 255  # the square, and what the filter sees beyond its edge
    assert decode_picture(encoded(Image.fromarray(wide)), PictureForm(5, 5))[0].min() == 255
    assert (
        decode_picture(encoded(Image.fromarray(wide.transpose(1, 0, 2))), PictureForm(5, 5))[0].min() == 255
    )


def test_shrinking_averages() -> None:
    checkers = np.indices((64, 64)).sum(0) % 2 * 255
    pixels, _ = decode_picture(encoded(Image.fromarray(checkers.astype(np.uint8))), PictureForm(8, 8))
    assert np.abs(pixels[:, 1:-1, 1:-1].astype(int) - 128).max() <= 2


def test_a_large_jpeg_is_decoded_like_the_same_png() -> None:
    ramp = np.linspace(0, 255, 800)[None, :, None].repeat(800, 0).repeat(3, 2).astype(np.uint8)
    from_jpeg, _ = decode_picture(encoded(Image.fromarray(ramp), "JPEG", quality=95), PictureForm(32, 32))
    from_png, _ = decode_picture(encoded(Image.fromarray(ramp)), PictureForm(32, 32))
    assert np.abs(from_jpeg.astype(int) - from_png).max() <= 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a picture"),
        (b"just text", "not a picture"),
        (encoded(Image.effect_noise((64, 64), 60), "JPEG")[:900], "cut short"),
        (encoded(Image.effect_noise((64, 64), 60))[:900], "."),
    ],
)
def test_damaged_files_say_why(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        decode_picture(content, PictureForm(8, 8))


def test_a_program_for_a_printer_is_no_picture_whatever_it_is_called(tmp_path: Path) -> None:
    # Pillow would hand it to Ghostscript, which runs it.
    path = tmp_path / "x.png"
    flat("L", 9).save(path, "EPS")
    with pytest.raises(Unreadable, match="not a picture"):
        decode_picture(path, PictureForm(8, 8))


def test_large_pictures_are_worked_on_in_strips_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    clear = Image.fromarray(rng.integers(0, 256, (30, 20, 4), dtype=np.uint8), "RGBA")
    palette = clear.convert("RGB").quantize(16)
    deep = Image.fromarray(rng.integers(0, 65536, (30, 20)).astype(np.uint16))
    pictures = [encoded(clear), encoded(palette, transparency=3), encoded(deep)]
    whole = [decode_picture(picture, PictureForm(12, 12))[0] for picture in pictures]
    monkeypatch.setattr("ganlens.data.pictures.STRIP_PIXELS", 70)
    for picture, wanted in zip(pictures, whole, strict=True):
        assert (decode_picture(picture, PictureForm(12, 12))[0] == wanted).all()


def test_pictures_wait_for_room_and_give_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    room = pictures_module._Room(100)
    monkeypatch.setattr(pictures_module, "_ROOM", room)
    held: list[int] = []
    threads = [threading.Thread(target=lambda: held.append(_most(room))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 6
    assert room._free == 100
    with pytest.raises(Unreadable):
        decode_picture(b"junk", PictureForm(8, 8))
    decode_picture(encoded(flat("L", 9, (40, 40))), PictureForm(8, 8))  # larger than all: alone
    assert room._free == 100


def _most(room: pictures_module._Room) -> int:
    with room.of(60):
        assert 0 <= room._free <= 40
        return room._free


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="the file is gone"):
        decode_picture(tmp_path / "gone.png", PictureForm(8, 8))


@pytest.mark.parametrize(
    ("sides", "wanted"), [((300, 20, 40), (32, 40)), ((5, 5, 5), (8, 5)), ((64, 900), (64, 482))]
)
def test_the_default_size_fits_the_median_short_side(sides: tuple[int, ...], wanted: tuple[int, int]) -> None:
    pictures = [encoded(flat("L", 0, (side, side + 7))) for side in sides]
    assert usual_size([b"junk", *pictures]) == wanted
    assert usual_size([b"junk"]) is None
