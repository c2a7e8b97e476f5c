"""The environment, read once and typed. Nothing else in the project reads ``os.environ``.

This file imports the standard library alone, because ``bin/start`` reads it before anything is
installed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
EMAIL_SCHEMES = ("smtp", "smtp+tls", "smtp+ssl")
SECRET_LETTERS = 16
MAX_RUN_SLOTS = 64
SOCKET_PATH_BYTES = 100
"""Longest path of a UNIX socket that every system takes (Linux 107, macOS 103)."""

VARIABLES: dict[str, str] = {
    "PORT": "8000",
    "HOST": "127.0.0.1",
    "AISTEMPRE_HOME": "var",
    "DATA_ROOT": "data",
    "MEDIA_ROOT": "media",
    "DATABASE_URL": "",
    "REDIS_URL": "",
    "RUN_SLOTS": "1",
    "LEASE_SECONDS": "60",
    "LOG_CAP_MB": "1024",
    "DISK_RESERVE_PERCENT": "3",
    "TRASH_DAYS": "7",
    "UPLOAD_MAX_MB": "2048",
    "EXCHANGE_MIRRORS": "",
    "LOG_LEVEL": "INFO",
    "EMAIL_URL": "",
    "NOTIFY_EMAIL_TO": "",
    "NOTIFY_EMAIL_FROM": "aistempre@localhost",
    "NOTIFY_WEBHOOK_URL": "",
    "NOTIFY_WEBHOOK_SECRET": "",
    "NOTIFY_WEBHOOK_PRIVATE": "no",
}
"""Every variable the product reads, with its default; README explains each (a test holds that)."""


@dataclass(frozen=True)
class Environment:
    """Where things are and how the product is reached; all paths are absolute."""

    home: Path
    data_root: Path
    media_root: Path
    port: int
    host: str
    database_url: str
    redis_url: str
    """Redis or Valkey as ``redis://``, ``rediss://`` or ``unix://PATH?db=N``."""
    own_valkey: bool
    """True where no REDIS_URL was given, so that the product starts its own server."""
    valkey_socket: Path
    """Where the product's own server listens."""
    run_slots: int
    """Runs that one worker trains at the same time."""
    lease_seconds: int
    """A worker that is not heard of for so long has lost its run."""
    log_cap_mb: int
    """Console output kept of one run, in MiB."""
    disk_reserve_percent: int
    """Below this share of free disk nothing new starts."""
    trash_days: int
    """How long a deleted run can be restored."""
    upload_max_mb: int
    """Largest candle file that can be uploaded, in MiB."""
    exchange_mirrors: dict[str, str]
    """Address to use instead of an exchange's own, by the exchange's name."""
    log_level: str
    email_url: str
    """The server that takes e-mail; empty where none is sent."""
    notify_email_to: tuple[str, ...]
    notify_email_from: str
    notify_webhook_url: str
    """Where notifications are posted; empty where they are not."""
    notify_webhook_secret: str
    notify_webhook_private: bool
    """Whether that may be an address of a private network or of this computer."""

    @property
    def run_directory(self) -> Path:
        """Files that matter only while the product runs."""
        return self.home / "run"

    @property
    def ends_file(self) -> Path:
        """Where ``bin/start`` tells which of its processes ended (``bin/launcher/ends.py``)."""
        return self.run_directory / "ends.json"

    @property
    def beat_schedule(self) -> Path:
        """Where Celery's beat keeps when it last woke; it adds endings of its own."""
        return self.run_directory / "beat-schedule"

    @property
    def broker_url(self) -> str:
        """``redis_url`` in the words of Celery, which spells UNIX sockets its own way."""
        if not self.redis_url.startswith("unix://"):
            return self.redis_url
        path, _, query = self.redis_url.removeprefix("unix://").partition("?")
        database = dict(part.partition("=")[::2] for part in query.split("&")).get("db", "0")
        return f"redis+socket://{path}?virtual_host={database}"


def read() -> Environment:
    """The settings of this process; raises ``ValueError`` with a sentence on a bad value."""
    home = _path("AISTEMPRE_HOME")
    socket = socket_directory(home) / "valkey.sock"
    redis_url = _text("REDIS_URL")
    return Environment(
        home=home,
        data_root=_path("DATA_ROOT"),
        media_root=_path("MEDIA_ROOT"),
        port=_number("PORT", 1, 65_535),
        host=_host(),
        database_url=_text("DATABASE_URL") or f"sqlite:///{quote(str(home / 'db.sqlite3'))}",
        redis_url=redis_url or f"unix://{quote(str(socket))}?db=0",
        own_valkey=not redis_url,
        valkey_socket=socket,
        run_slots=_number("RUN_SLOTS", 1, MAX_RUN_SLOTS),
        lease_seconds=_number("LEASE_SECONDS", 2, 3600),
        log_cap_mb=_number("LOG_CAP_MB", 1, 1_048_576),
        disk_reserve_percent=_number("DISK_RESERVE_PERCENT", 0, 50),
        trash_days=_number("TRASH_DAYS", 0, 3650),
        upload_max_mb=_number("UPLOAD_MAX_MB", 1, 1_048_576),
        exchange_mirrors=_mirrors("EXCHANGE_MIRRORS"),
        log_level=_choice("LOG_LEVEL", LOG_LEVELS),
        email_url=_email_url(),
        notify_email_to=_addresses("NOTIFY_EMAIL_TO"),
        notify_email_from=_text("NOTIFY_EMAIL_FROM"),
        notify_webhook_url=_webhook_url(),
        notify_webhook_secret=_text("NOTIFY_WEBHOOK_SECRET"),
        notify_webhook_private=_choice("NOTIFY_WEBHOOK_PRIVATE", ("YES", "NO")) == "YES",
    )


def socket_directory(home: Path) -> Path:
    """Directory of the product's UNIX sockets: in ``home``, or a short one where that is long.

    The short one is named by a hash of ``home``, so that two homes never share a socket.
    """
    inside = home / "run"
    if len(os.fsencode(inside / "valkey.sock")) <= SOCKET_PATH_BYTES:
        return inside
    short = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(short) / f"aistempre-{os.getuid()}-{name}"


def make_private_directory(path: Path) -> None:
    """Make ``path`` readable by its owner alone; raises ``ValueError`` where another owns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ValueError(
            f"{path} must be a directory that belongs to you; remove it or set another."
        )
    path.chmod(0o700)


def secret_key(home: Path) -> str:
    """The signing key of this home, made at the first start; only its owner can read it."""
    path = home / "secret_key"
    if not path.exists():
        make_private_directory(home)
        draft = home / f"secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(64))
        try:
            path.hardlink_to(draft)  # fails where another process was first: its key stands
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _text(name: str) -> str:
    return os.environ.get(name, "").strip() or VARIABLES[name]


def _path(name: str) -> Path:
    return (ROOT / Path(_text(name)).expanduser()).resolve()


def _number(name: str, low: int, high: int) -> int:
    text = _text(name)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}, not {text!r}.")
    return int(text)


def _choice(name: str, choices: tuple[str, ...]) -> str:
    text = _text(name).upper()
    if text not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
    return text


def _mirrors(name: str) -> dict[str, str]:
    """``binance=https://mirror.example,kraken=http://...`` as a mapping."""
    found = {}
    for item in filter(None, (part.strip() for part in _text(name).split(","))):
        key, _, address = item.partition("=")
        parts = urlsplit(address.strip())
        if not key.strip() or parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(
                f"{name} must be written as exchange=https://host,..., and {item!r} is not."
            )
        found[key.strip().lower()] = address.strip()
    return found


def _email_url() -> str:
    url = _text("EMAIL_URL")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in EMAIL_SCHEMES or not parts.hostname:
        raise ValueError(
            f"EMAIL_URL must begin with {', '.join(f'{s}://' for s in EMAIL_SCHEMES)} and name a "
            "server, such as smtp+tls://user:password@mail.example:587."
        )
    if not _text("NOTIFY_EMAIL_TO"):
        raise ValueError("EMAIL_URL is set; set NOTIFY_EMAIL_TO too, to say who gets the mail.")
    return url


def _addresses(name: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in _text(name).split(",") if part.strip())
    for address in found:
        if address.count("@") != 1 or any(letter.isspace() for letter in address):
            raise ValueError(
                f"{name} must be e-mail addresses with commas between, not {address!r}."
            )
    return found


def _webhook_url() -> str:
    url = _text("NOTIFY_WEBHOOK_URL")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            "NOTIFY_WEBHOOK_URL must be an address such as https://hooks.example/aistempre, "
            "without user and password."
        )
    if len(_text("NOTIFY_WEBHOOK_SECRET")) < SECRET_LETTERS:
        raise ValueError(
            f"NOTIFY_WEBHOOK_URL is set; set NOTIFY_WEBHOOK_SECRET too, to at least "
            f"{SECRET_LETTERS} letters: the receiver checks signatures by it."
        )
    return url


def _host() -> str:
    host = _text("HOST")
    if host not in LOOPBACK_HOSTS:
        raise ValueError(
            f"HOST is {host!r}, but this mode has no login and serves this computer only; "
            "leave HOST unset, or forward the port over SSH to reach it from another computer."
        )
    return host
