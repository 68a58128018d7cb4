"""What a setting's value must be: each check returns what is wrong, None when nothing is."""

import re
from collections.abc import Callable
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from bookstore import countries
from bookstore.config import redis_url, tax_table


def ok(_: Any) -> str | None:
    """Take anything."""
    return None


def between(low: int, high: int) -> Callable[[Any], str | None]:
    """Return a check that takes numbers from ``low`` to ``high``."""
    return lambda value: None if low <= value <= high else f"must be {low} to {high}"


def currency(value: str) -> str | None:
    """Take three letters."""
    return None if re.fullmatch(r"[a-z]{3}", value) else "must be a three-letter ISO 4217 code"


def country(value: str | None) -> str | None:
    """Take the code of a country."""
    return None if value is None else countries.complaint(value)


def database(value: str | None) -> str | None:
    """Take the address of a database we know."""
    if value is None or value.startswith("sqlite:///"):
        return None
    if value.startswith(("postgresql://", "postgresql+psycopg://")):
        return _port(value)
    return "must start with sqlite:/// or postgresql://"


def redis(value: str | None) -> str | None:
    """Take the address of a Redis."""
    if value is None:
        return None
    try:
        redis_url.parse(value)
    except ValueError as error:
        return str(error)
    return None


def web(value: str | None) -> str | None:
    """Take an http address."""
    if value is None:
        return None
    if not value.startswith(("http://", "https://")):
        return "must start with http:// or https://"
    return _port(value) or (None if urlsplit(value).hostname else "names no host")


def sentry(value: str | None) -> str | None:
    """Take the address that a project of Sentry's gives out."""
    if value is None:
        return None
    from sentry_sdk.utils import BadDsn, Dsn  # a shop without does not load it

    try:
        Dsn(value)
    except (BadDsn, ValueError) as error:
        return f"is no DSN: {error}"
    return None


def _port(value: str) -> str | None:
    """Look whether the host of an address, and its port if it names one, can be read."""
    try:
        _ = urlsplit(value).port
    except ValueError:
        return "names a port or host that is none"
    return None


def bucket(value: str | None) -> str | None:
    """Take the name of a bucket, as S3 wants them."""
    if value is None or re.fullmatch(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", value):
        return None
    return "must be 3 to 63 lower-case letters, digits, dots and dashes"


def region(value: str) -> str | None:
    """Take the name of a region of S3."""
    return None if re.fullmatch(r"[a-z0-9\-]{2,40}", value) else "must be such as eu-central-1"


def mailbox(value: str) -> str | None:
    """Take a mail address, with a name or without."""
    _, address = parseaddr(value)
    return None if "@" in address else "must be an address such as Bookstore <shop@example.com>"


def email(value: str | None) -> str | None:
    """Take a bare mail address."""
    if value is None or re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", value):
        return None
    return "must be an address such as shop@example.com"


def log_level(value: str) -> str | None:
    """Take the name of a level."""
    return None if value in {"DEBUG", "INFO", "WARNING", "ERROR"} else "must be a logging level"


def ratio(value: str) -> str | None:
    """Take a number from 0 to 1."""
    try:
        fits = 0 <= float(value) <= 1
    except ValueError:
        fits = False
    return None if fits else "must be a number from 0 to 1"


def tax_rates(value: str | None) -> str | None:
    """Take entries such as ``DE/books=7``; see ``tax_table.parse``."""
    try:
        tax_table.parse(value or "")
    except ValueError as error:
        return str(error)
    return None
