"""Texts of the demo lab in its two languages."""

from __future__ import annotations

from app.kernel.db import said


def both(french: str, english: str) -> said:
    return {"fr": french, "en": english}
