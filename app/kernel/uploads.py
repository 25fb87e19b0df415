"""Files people send: checked by content, renamed by us, kept outside the web root. Pictures are decoded and written anew."""

from __future__ import annotations

import re
import secrets
from io import BytesIO
from pathlib import Path
from typing import IO

from flask import Response, abort, current_app, send_from_directory
from PIL import Image, ImageOps

from app.kernel.refusals import N_, Reason, Refused

MAX_PICTURE_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
WIDEST = 1600
_OURS = re.compile(r"[A-Za-z0-9_-]{1,64}\.(webp|svg)")

TOO_LARGE = Reason(
    "uploads.too_large",
    N_("This file is larger than %(megabytes)d MB."),
    N_("Choose a smaller picture, or resize it first."),
)
TOO_MANY_PIXELS = Reason(
    "uploads.too_many_pixels",
    N_("This picture has more than %(megapixels)d million pixels."),
    N_("Resize it first, or take it with another setting of the camera."),
)
NOT_A_PICTURE = Reason(
    "uploads.not_a_picture",
    N_("This file is not a picture we can read."),
    N_("Choose a JPEG, PNG or WebP picture."),
)


def store_picture(stream: IO[bytes], folder: str) -> str:
    """Check and keep a picture; returns its name, to be given to `send`.

    It is decoded, turned upright, scaled to 1600 px and written as WebP without metadata, whatever its name claimed.
    What is see-through becomes white. Raises Refused for a file too large or not a picture; nothing is stored then.
    """
    data = stream.read(MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise Refused([TOO_LARGE(megabytes=MAX_PICTURE_BYTES // 1024 // 1024)])
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Refused([TOO_MANY_PIXELS(megapixels=MAX_PIXELS // 1_000_000)])
            image.draft("RGB", (WIDEST, WIDEST))  # a large JPEG is decoded at a fraction of its size already
            colours = image.info.get("icc_profile") if image.mode.startswith("RGB") else None
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((WIDEST, WIDEST))
            written = BytesIO()
            _opaque(upright).save(written, "WEBP", quality=82, exif=b"", xmp=b"", icc_profile=colours or b"")
    except Image.DecompressionBombError as error:
        raise Refused([TOO_MANY_PIXELS(megapixels=MAX_PIXELS // 1_000_000)]) from error
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for files that are broken or something else
        raise Refused([NOT_A_PICTURE()]) from error
    return _keep(written.getvalue(), folder, "webp")


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    ground = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(ground, layered).convert("RGB")


def store_drawing(svg: bytes, folder: str) -> str:
    """Keep an SVG of our own (the demo's drawings). Never call it with what somebody sent."""
    return _keep(svg, folder, "svg")


def send(folder: str, name: str) -> Response:
    """Answer with a stored file; 404 for any name we did not give. Cached for ever: a name is never used twice."""
    if not _OURS.fullmatch(name):
        abort(404)
    response = send_from_directory(_folder(folder), name, max_age=31_536_000)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _keep(data: bytes, folder: str, suffix: str) -> str:
    name = f"{secrets.token_urlsafe(16)}.{suffix}"
    home = _folder(folder)
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(data)
    return name


def _folder(folder: str) -> Path:
    root: Path = current_app.extensions["settings"].uploads
    return root / folder
