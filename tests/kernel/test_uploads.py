"""Pictures people send: checked by what they are, written anew, kept under a name of ours; nothing else is stored."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from app.kernel import uploads


@pytest.fixture
def sent(probe, visitor, monkeypatch):
    """`sent(data, "name.jpg")`: (status, JSON, names now kept)."""
    monkeypatch.setitem(probe.config, "WTF_CSRF_ENABLED", False)
    folder = probe.extensions["settings"].uploads

    def send(data: bytes, name: str = "photo.jpg"):
        response = visitor.post("/probe/picture", data={"file": (BytesIO(data), name)})
        kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return response.status_code, response.json, kept

    return send


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (40, 30), **how) -> bytes:
    written = BytesIO()
    Image.effect_noise(size, 80).convert(mode).save(written, kind, **how)
    return written.getvalue()


def kept_picture(probe, name: str) -> Image.Image:
    return Image.open(probe.extensions["settings"].uploads / "probe" / name)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"),
     ("PNG", "I;16"), ("WEBP", "RGB"), ("WEBP", "RGBA")],
)  # fmt: skip
def test_a_picture_is_written_anew_as_webp(probe, sent, kind, mode):
    status, answer, kept = sent(picture(kind, mode), "whatever.exe")
    assert status == 200
    assert kept == [f"probe/{answer['name']}"]
    found = kept_picture(probe, answer["name"])
    assert (found.format, found.size) == ("WEBP", (40, 30))


def test_a_large_picture_is_made_smaller_and_keeps_its_shape(probe, sent):
    _status, answer, _kept = sent(picture(size=(3200, 2000)))
    assert kept_picture(probe, answer["name"]).size == (1600, 1000)


def test_what_is_see_through_becomes_white(probe, sent):
    clear = BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(clear, "PNG")
    _status, answer, _kept = sent(clear.getvalue())
    assert kept_picture(probe, answer["name"]).convert("RGB").getpixel((5, 5)) >= (250, 250, 250)


def test_where_and_with_what_a_photo_was_taken_is_not_kept(probe, sent):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x9286] = "SecretCamera", 6, "SecretComment"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (50.0, 41.0, 0.0)
    data = picture(exif=exif, comment=b"SecretNote", xmp=b"<x:xmpmeta>SecretPlace</x:xmpmeta>")
    assert b"SecretCamera" in data
    assert b"SecretPlace" in data
    _status, answer, _kept = sent(data)
    found = kept_picture(probe, answer["name"])
    assert found.size == (30, 40)  # turned upright, as the camera meant it
    assert dict(found.getexif()) == {}
    assert not {"exif", "xmp", "comment"} & set(found.info)
    whole = (probe.extensions["settings"].uploads / "probe" / answer["name"]).read_bytes()
    assert b"Secret" not in whole


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"MZ\x90\x00" + b"\x00" * 500,
        b"\x7fELF" + b"\x00" * 500,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a" + b"\x00" * 100,
        b"\xff\xd8\xff\xe0" + b"\x00" * 100,
        b"%PDF-1.7",
        b"PK\x03\x04",
    ],
)
def test_anything_else_is_refused_and_nothing_is_stored(sent, data):
    status, answer, kept = sent(data, "photo.jpg")
    assert (status, answer, kept) == (422, {"codes": ["uploads.not_a_picture"]}, [])


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_kinds_of_pictures_are_refused(sent, kind):
    assert sent(picture(kind))[0] == 422


def test_twelve_megabytes_are_refused_and_nothing_is_stored(sent):
    status, answer, kept = sent(b"\xff\xd8\xff" + b"x" * 12_000_000)
    assert (status, answer, kept) == (422, {"codes": ["uploads.too_large"]}, [])


def test_just_below_the_limit_is_read(sent):
    assert sent(picture() + b"\x00" * (uploads.MAX_PICTURE_BYTES - 10_000))[0] == 200


@pytest.mark.parametrize("size", [(30_000, 30_000), (60_000, 1_000), (200_000, 200_000)])
def test_a_small_file_that_unpacks_into_a_huge_picture_is_refused_before_it_is_unpacked(sent, size):
    status, answer, kept = sent(bomb(*size))
    assert (status, answer, kept) == (422, {"codes": ["uploads.too_many_pixels"]}, [])


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_pictures_broken_in_any_way_are_refused_and_never_a_bug(probe, sent):
    chance = random.Random(7)
    seeds = [picture("JPEG"), picture("PNG"), picture("PNG", "P"), picture("WEBP"), picture("JPEG", "CMYK")]
    seen = set()
    for _ in range(400):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 3, 12))):
            data[chance.randrange(min(len(data), chance.choice((60, 300, len(data)))))] = chance.randrange(256)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data))]
        seen.add(sent(bytes(data))[0])
    assert seen == {200, 422}


def test_a_broken_png_is_no_picture_even_where_pillow_calls_it_a_syntax_error(sent):
    data = bytearray(picture("PNG"))
    where = data.index(b"IDAT")
    data[where - 4 : where] = struct.pack(">I", 22)  # the chunk says it is shorter than it is
    with pytest.raises(SyntaxError), Image.open(BytesIO(data)) as broken:
        broken.load()
    assert sent(bytes(data))[1] == {"codes": ["uploads.not_a_picture"]}


# ── giving them back ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_is_given_back_as_itself_and_cannot_act(sent, visitor):
    _status, answer, _kept = sent(picture(), "../../etc/passwd")
    assert "/" not in answer["name"]
    response = visitor.get(f"/probe/pictures/{answer['name']}")
    assert (response.status_code, response.content_type) == (200, "image/webp")
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age=31536000" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "name",
    ["nothing.webp", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "..%5c..%5clab.sqlite3", "../lab.sqlite3", "/etc/passwd",
     "%2e%2e/lab.sqlite3", "....//x.webp", "a%00.webp", "a.webp%00.svg", "x" * 300 + ".webp", ".webp", "a.WEBP", "a.html",
     "a.webp/"],
)  # fmt: skip
def test_no_other_file_is_ever_given(probe, visitor, name):
    secret = probe.extensions["settings"].home / "passwd.webp"
    secret.write_bytes(b"secret")
    response = visitor.get(f"/probe/pictures/{name}")
    assert response.status_code in (404, 308)
    assert b"secret" not in response.data
