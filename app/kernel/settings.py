"""What comes from the environment, read once, typed, frozen. What the lab changes itself lives in the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

ENVIRONMENTS = ("production", "development", "test")


class SettingsError(Exception):
    """A variable of the environment is missing or malformed; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """See docs/settings.md for each variable."""

    environment: str
    home: Path
    database_url: str
    secret_key: str
    base_url: str
    smtp_url: str | None
    mail_from: str
    timezone: ZoneInfo
    trusted_proxies: int

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; every `NAME` may also be given as `NAME_FILE`, a file that holds the value.

        Raises SettingsError with the variable's name.
        """
        env = os.environ if env is None else env
        environment = env.get("ETABLI_ENV", "production")
        if environment not in ENVIRONMENTS:
            raise SettingsError(f"ETABLI_ENV must be one of {', '.join(ENVIRONMENTS)}, not {environment!r}")
        home = Path(env.get("ETABLI_HOME", ".etabli")).absolute()
        base_url = env.get("BASE_URL", f"http://127.0.0.1:{env.get('PORT', '8000')}").rstrip("/")
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
            raise SettingsError("BASE_URL must be the public address, for example https://lab.example")
        smtp_url = _value(env, "SMTP_URL")
        if smtp_url and urlsplit(smtp_url).scheme not in ("smtp", "smtps", "smtp+starttls"):
            raise SettingsError("SMTP_URL must look like smtp://user:password@host:25 (or smtps://, smtp+starttls://)")
        return cls(
            environment=environment,
            home=home,
            database_url=_value(env, "DATABASE_URL") or f"sqlite:///{home / 'etabli.sqlite3'}",
            secret_key=_secret_key(env, home),
            base_url=base_url,
            smtp_url=smtp_url,
            mail_from=env.get("MAIL_FROM", f"etabli@{urlsplit(base_url).hostname}"),
            timezone=_zone(env.get("LAB_TIMEZONE", "Europe/Paris")),
            trusted_proxies=_count(env, "TRUSTED_PROXIES"),
        )

    @property
    def is_secure(self) -> bool:
        """Whether the public address is https, so that cookies may demand it."""
        return self.base_url.startswith("https://")

    @property
    def uploads(self) -> Path:
        return self.home / "uploads"


def _value(env: Mapping[str, str], name: str) -> str | None:
    if path := env.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE cannot be read: {error}") from error
    return env.get(name) or None


def _secret_key(env: Mapping[str, str], home: Path) -> str:
    if key := _value(env, "SECRET_KEY"):
        if len(key) < 32:
            raise SettingsError("SECRET_KEY must have at least 32 characters")
        return key
    if (path := home / "secret_key").exists():
        return path.read_text(encoding="utf-8").strip()
    raise SettingsError("SECRET_KEY is missing: set it, or SECRET_KEY_FILE, or let `make run` create one in ETABLI_HOME")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"LAB_TIMEZONE is not a known time zone: {name!r}") from error


def _count(env: Mapping[str, str], name: str) -> int:
    text = env.get(name, "0")
    if not text.isdigit():
        raise SettingsError(f"{name} must be a whole number, not {text!r}")
    return int(text)
