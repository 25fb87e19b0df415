"""What comes from the environment, read once, typed, frozen. What the lab changes itself lives in the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

PRINT_FILE_MEGABYTES = 200
ENVIRONMENTS = ("production", "development", "test")
PRINTER_NETWORKS = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fd00::/8"
PRINTER_PORTS = "80, 443, 5000, 7125, 8080"


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
    printer_networks: tuple[IPv4Network | IPv6Network, ...]
    printer_ports: frozenset[int]
    print_file_megabytes: int

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; every `NAME` may also be given as `NAME_FILE`, a file that holds the value.

        Raises SettingsError with the variable's name.
        """
        env = os.environ if env is None else env
        environment = env.get("ETABLI_ENV") or "production"
        if environment not in ENVIRONMENTS:
            raise SettingsError(f"ETABLI_ENV must be one of {', '.join(ENVIRONMENTS)}, not {environment!r}")
        home = Path(env.get("ETABLI_HOME") or ".etabli").absolute()
        base_url = (env.get("BASE_URL") or f"http://127.0.0.1:{_port(env)}").rstrip("/")
        if not _is_url(base_url, "http", "https"):
            raise SettingsError("BASE_URL must be the public address, for example https://lab.example")
        smtp_url = _value(env, "SMTP_URL")
        if smtp_url and not _is_url(smtp_url, "smtp", "smtps", "smtp+starttls"):
            raise SettingsError("SMTP_URL must look like smtp://user:password@host:25 (or smtps://, smtp+starttls://)")
        mail_from = env.get("MAIL_FROM") or f"etabli@{urlsplit(base_url).hostname}"
        if "@" not in parseaddr(mail_from)[1] or not mail_from.isprintable():
            raise SettingsError(f"MAIL_FROM must be an address, for example Établi <lab@lab.example>, not {mail_from!r}")
        return cls(
            environment=environment,
            home=home,
            database_url=_database_url(env, home),
            secret_key=_secret_key(env, home),
            base_url=base_url,
            smtp_url=smtp_url,
            mail_from=mail_from,
            timezone=_zone(env.get("LAB_TIMEZONE") or "Europe/Paris"),
            trusted_proxies=_count(env, "TRUSTED_PROXIES"),
            printer_networks=_networks(env.get("PRINTER_NETWORKS") or PRINTER_NETWORKS),
            printer_ports=_ports(env.get("PRINTER_PORTS") or PRINTER_PORTS),
            print_file_megabytes=_count(env, "PRINT_FILE_MEGABYTES") or PRINT_FILE_MEGABYTES,
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
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}_FILE cannot be read: {error}") from error
    return env.get(name) or None


def _database_url(env: Mapping[str, str], home: Path) -> str:
    url = _value(env, "DATABASE_URL") or f"sqlite:///{home / 'etabli.sqlite3'}"
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        scheme = url.partition(":")[0]  # the rest may hold a password
        raise SettingsError(f"DATABASE_URL must start with postgresql+psycopg:// or sqlite:///, not {scheme!r}")
    return url


def _port(env: Mapping[str, str]) -> int:
    text = env.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SettingsError(f"PORT must be a number from 1 to 65535, not {text!r}")
    return int(text)


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _secret_key(env: Mapping[str, str], home: Path) -> str:
    key, source = _value(env, "SECRET_KEY"), "SECRET_KEY"
    if not key and (path := home / "secret_key").exists():
        key, source = path.read_text(encoding="utf-8").strip(), f"SECRET_KEY (in {path})"
    if key and len(key) < 32:
        raise SettingsError(f"{source} must have at least 32 characters")
    if key:
        return key
    raise SettingsError("SECRET_KEY is missing: set it, or SECRET_KEY_FILE, or let `make run` create one in ETABLI_HOME")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(f"LAB_TIMEZONE is not a known time zone: {name!r}") from error


def _count(env: Mapping[str, str], name: str) -> int:
    text = env.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SettingsError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"PRINTER_NETWORKS must be networks such as 192.168.1.0/24, 10.0.0.0/8; {error}") from error


def _ports(text: str) -> frozenset[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 6 and 0 < int(part) < 65536 for part in parts):
        raise SettingsError(f"PRINTER_PORTS must be numbers from 1 to 65535 such as 80, 443, not {text!r}")
    return frozenset(map(int, parts))
