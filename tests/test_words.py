"""French says everything that English says, and the words of the settings are written down."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from app.kernel.settings import Settings
from tools import words

HOUSE = Path(__file__).resolve().parent.parent


def test_every_sentence_is_in_french():
    assert words.problems() == []


def test_the_catalogue_has_no_straight_apostrophe():
    straight = [message.id for message in words.french() if message.id and "'" in "".join(words._parts(message.string))]
    assert straight == []


def test_every_setting_is_documented_and_in_the_example():
    source = (HOUSE / "app/kernel/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:env\.get|_value|_count)\((?:env, )?"([A-Z_]+)"', source))
    documented = (HOUSE / "docs/settings.md").read_text(encoding="utf-8")
    example = (HOUSE / ".env.example").read_text(encoding="utf-8")
    assert len(read) >= len(fields(Settings)) - 1
    assert [name for name in sorted(read) if f"`{name}`" not in documented] == []
    assert [name for name in sorted(read) if not re.search(rf"^#? ?{name}=", example, re.M)] == []
