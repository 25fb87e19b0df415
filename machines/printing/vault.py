"""Sealing the keys of printers' servers, so that the database alone gives none away. Who may open one is decided elsewhere."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import current_app

from app.kernel.settings import Settings

if TYPE_CHECKING:  # loaded by who seals or opens: it weighs seven megabytes, and few processes do
    from cryptography.fernet import Fernet


class Unreadable(Exception):
    """The seal is of another SECRET_KEY, or the text is damaged."""


def seal(secret: str) -> str:
    """Encrypt and sign a secret with a key derived from SECRET_KEY; the same secret twice gives two different texts."""
    return _fernet().encrypt(secret.encode()).decode("ascii")


def open_sealed(sealed: str) -> str:
    """What `seal` was given. Raises Unreadable."""
    from cryptography.fernet import InvalidToken

    try:
        return _fernet().decrypt(sealed.encode("utf-8", "replace")).decode()
    except InvalidToken as error:
        raise Unreadable("sealed with another SECRET_KEY, or damaged") from error


def _fernet() -> Fernet:
    from cryptography.fernet import Fernet

    settings: Settings = current_app.extensions["settings"]
    return Fernet(_derived(settings.secret_key))


@lru_cache(maxsize=4)
def _derived(secret_key: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"etabli: keys of printers").derive(secret_key.encode())
    return base64.urlsafe_b64encode(derived)
