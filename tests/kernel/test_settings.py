"""Settings are read once, typed, and a wrong one is named with its remedy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from app.kernel.settings import Settings, SettingsError

KEY = "0123456789abcdef0123456789abcdef"


def read(**env: str) -> Settings:
    return Settings.from_env({"SECRET_KEY": KEY, **env})


def test_a_key_is_all_that_must_be_given():
    found = read(ETABLI_HOME="/srv/lab")
    assert found.environment == "production"
    assert found.database_url == "sqlite:////srv/lab/etabli.sqlite3"
    assert (found.base_url, found.is_secure) == ("http://127.0.0.1:8000", False)
    assert (found.smtp_url, found.mail_from) == (None, "etabli@127.0.0.1")
    assert (found.timezone.key, found.trusted_proxies) == ("Europe/Paris", 0)
    assert found.uploads == Path("/srv/lab/uploads")


def test_an_empty_value_is_as_good_as_none():
    names = (
        "ETABLI_ENV",
        "ETABLI_HOME",
        "DATABASE_URL",
        "BASE_URL",
        "PORT",
        "SMTP_URL",
        "MAIL_FROM",
        "LAB_TIMEZONE",
        "TRUSTED_PROXIES",
        "PRINTER_NETWORKS",
        "PRINTER_PORTS",
    )
    assert read(**dict.fromkeys(names, "")) == read()


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().environment = "test"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", ""),
        ("ETABLI_ENV", "prod"),
        ("BASE_URL", "lab.example"),
        ("BASE_URL", "ftp://lab.example"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "http://["),
        ("BASE_URL", "http://lab.example:port"),
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "²"),
        ("SMTP_URL", "mail.example"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "http://mail.example"),
        ("SMTP_URL", "smtp://mail.example:smtp"),
        ("SMTP_URL", "smtp://mail.example:99999"),
        ("MAIL_FROM", "the lab"),
        ("MAIL_FROM", "a@b.example\nBcc: c@d.example"),
        ("LAB_TIMEZONE", "Paris"),
        ("LAB_TIMEZONE", "../../etc/passwd"),
        ("LAB_TIMEZONE", "Europe"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "²"),
        ("PRINTER_NETWORKS", "the shop floor"),
        ("PRINTER_NETWORKS", "192.168.1.20/24"),
        ("PRINTER_NETWORKS", "192.168.1.0/24,"),
        ("PRINTER_PORTS", "http"),
        ("PRINTER_PORTS", "0"),
        ("PRINTER_PORTS", "80,,443"),
        ("PRINTER_PORTS", "70000"),
        ("DATABASE_URL", "postgres://secret@db/lab"),
        ("DATABASE_URL", "postgresql://user:secret@db/lab"),
        ("DATABASE_URL", "mysql://user:secret@db/lab"),
        ("DATABASE_URL", "lab.sqlite3"),
        ("SECRET_KEY_FILE", "/nothing/here"),
        ("DATABASE_URL_FILE", "/nothing/here"),
    ],
)
def test_a_wrong_value_is_told_by_name_without_its_secret(tmp_path, name, value):
    with pytest.raises(SettingsError) as error:
        read(ETABLI_HOME=str(tmp_path), **{name: value})
    assert name in str(error.value)
    assert "secret@" not in str(error.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "SMTP_URL"])
def test_a_secret_may_lie_in_a_file(tmp_path, name):
    value = {"SECRET_KEY": "k" * 40, "DATABASE_URL": "sqlite:////x.sqlite3", "SMTP_URL": "smtps://u:p%40ss@mail.example"}[name]
    (tmp_path / "secret").write_text(f"{value}\n", encoding="utf-8")
    found = read(ETABLI_HOME=str(tmp_path), **{f"{name}_FILE": str(tmp_path / "secret")})
    assert value in (found.secret_key, found.database_url, found.smtp_url)


def test_a_file_that_is_no_text_is_told_by_name(tmp_path):
    (tmp_path / "secret").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="SMTP_URL_FILE"):
        read(SMTP_URL_FILE=str(tmp_path / "secret"))


def test_the_key_that_the_first_start_wrote_is_read_and_checked(tmp_path):
    (tmp_path / "secret_key").write_text(f"{KEY}\n", encoding="utf-8")
    assert Settings.from_env({"ETABLI_HOME": str(tmp_path)}).secret_key == KEY
    (tmp_path / "secret_key").write_text("short", encoding="utf-8")
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        Settings.from_env({"ETABLI_HOME": str(tmp_path)})


@pytest.mark.parametrize(("url", "secure"), [("https://lab.example/", True), ("http://lab.example", False)])
def test_cookies_are_secure_where_the_address_is(url, secure):
    found = read(BASE_URL=url)
    assert (found.is_secure, found.base_url) == (secure, url.rstrip("/"))


def test_printers_are_looked_for_on_private_networks_unless_told():
    found = read()
    assert [str(one) for one in found.printer_networks] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"]
    assert found.printer_ports == {80, 443, 5000, 7125, 8080}
    told = read(PRINTER_NETWORKS="192.168.7.0/24, fd12::/64", PRINTER_PORTS="80, 5001")
    assert ([str(one) for one in told.printer_networks], told.printer_ports) == (["192.168.7.0/24", "fd12::/64"], {80, 5001})
