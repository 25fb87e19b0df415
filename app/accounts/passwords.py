"""Password hashes: Argon2id, never computed inside a write transaction (OWASP: m=19 MiB, t=2, p=1)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app

_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$+LksAoxwpIOxr2qhQ6ZWYA$B6z3zMakrWYssDjQNF9cchjeeEJUG1I2brG3xUV6rC4"


def hashed(password: str) -> str:
    return _hasher().hash(password)


def verified(password_hash: str | None, password: str) -> bool:
    """Takes as long for an account that does not exist, so that nobody learns which do."""
    try:
        return _hasher().verify(password_hash or _NOBODY, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    if current_app.extensions["settings"].environment == "test":
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
