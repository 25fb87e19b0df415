"""Files people send: checked by content, renamed by us, kept outside the web root. Pictures are decoded and written anew."""

from __future__ import annotations

import secrets
from io import BytesIO
from pathlib import Path
from typing import IO

from flask import Response, abort, current_app, send_from_directory
from PIL import Image, ImageOps, UnidentifiedImageError

from app.kernel.refusals import N_, Reason, Refused

MAX_PICTURE_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
WIDEST = 1600

TOO_LARGE = Reason(
    "uploads.too_large",
    N_("This file is larger than %(megabytes)d MB."),
    N_("Choose a smaller picture, or resize it first."),
)
NOT_A_PICTURE = Reason(
    "uploads.not_a_picture",
    N_("This file is not a picture we can read."),
    N_("Choose a JPEG, PNG or WebP picture."),
)


def store_picture(stream: IO[bytes], folder: str) -> str:
    """Check and keep a picture; returns its name, to be given to `send`.

    It is decoded, turned upright, scaled to 1600 px and written as WebP without metadata, whatever its name claimed.
    Raises Refused for a file too large or not a picture; nothing is stored then.
    """
    data = stream.read(MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise Refused([TOO_LARGE(megabytes=MAX_PICTURE_BYTES // 1024 // 1024)])
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Refused([NOT_A_PICTURE()])
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((WIDEST, WIDEST))
            written = BytesIO()
            upright.save(written, "WEBP", quality=82)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise Refused([NOT_A_PICTURE()]) from error
    return _keep(written.getvalue(), folder, "webp")


def store_drawing(svg: bytes, folder: str) -> str:
    """Keep an SVG of our own (the demo's drawings). Never call it with what somebody sent."""
    return _keep(svg, folder, "svg")


def send(folder: str, name: str) -> Response:
    """Answer with a stored file; 404 for any name we did not give. Cached for ever: a name is never used twice."""
    if Path(name).name != name or not name.endswith((".webp", ".svg")):
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
