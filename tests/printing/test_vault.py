"""Keys at rest: what is sealed comes back only with the same SECRET_KEY, whole and unchanged."""

from __future__ import annotations

import pytest

from app.kernel.db import db
from machines.printing import vault
from tests.conftest import settings_for


def test_what_is_sealed_comes_back(app):
    assert vault.open_sealed(vault.seal("clé-de-l’imprimante")) == "clé-de-l’imprimante"


def test_nothing_of_the_secret_shows_and_no_two_seals_are_alike(app):
    one, other = vault.seal("secret-key-12345"), vault.seal("secret-key-12345")
    assert one != other
    assert "secret" not in one
    assert "secret" not in vault._derived("x" * 40).decode("ascii")


@pytest.mark.parametrize("spoil", [lambda text: text[:-2], lambda text: f"A{text}", lambda text: "", lambda text: "é\x00"])
def test_a_damaged_seal_is_unreadable(app, spoil):
    with pytest.raises(vault.Unreadable):
        vault.open_sealed(spoil(vault.seal("secret-key-12345")))


def test_another_secret_key_opens_nothing(app, monkeypatch, tmp_path):
    sealed = vault.seal("secret-key-12345")
    url = db.engine.url.render_as_string(hide_password=False)
    other = settings_for(tmp_path, url, secret_key="another key of forty characters or so, here")
    monkeypatch.setitem(app.extensions, "settings", other)
    with pytest.raises(vault.Unreadable):
        vault.open_sealed(sealed)
