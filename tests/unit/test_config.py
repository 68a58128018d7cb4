"""Settings: typed, refused at start when bad, secrets never shown."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bookstore.config import BadSetting, Settings

ROOT = Path(__file__).parents[2]
GOOD_SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


def test_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings.bookstore_env == "development"
    assert settings.port == 8000
    assert settings.sqlalchemy_url.startswith("sqlite:////")


def test_values_are_typed() -> None:
    settings = Settings.from_environ(
        {"PORT": " 9000 ", "ISBN_CHECKSUM": "yes", "CURRENCY": "EUR", "BOOKSTORE_HOME": "/tmp/x"}
    )
    assert (settings.port, settings.isbn_checksum, settings.currency) == (9000, True, "eur")
    assert settings.bookstore_home == Path("/tmp/x")


def test_replicas_are_a_list() -> None:
    settings = Settings.from_environ(
        {
            "DATABASE_URL": "postgresql://primary/shop",
            "DATABASE_REPLICA_URL": "postgresql://one/shop, postgresql+psycopg://two/shop",
        }
    )
    assert settings.replica_urls == [
        "postgresql+psycopg://one/shop",
        "postgresql+psycopg://two/shop",
    ]


def test_an_address_has_lines() -> None:
    settings = Settings.from_environ({"SELLER_ADDRESS": "1 High Street | York YO1 7HH ||"})
    assert settings.seller_lines == ["1 High Street", "York YO1 7HH"]
    assert Settings.from_environ({}).seller_lines == []


def test_an_empty_value_is_an_unset_one() -> None:
    assert Settings.from_environ({"PORT": "", "DATABASE_URL": " "}).database_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("WEB_WORKERS", "1000"),
        ("ISBN_CHECKSUM", "maybe"),
        ("BOOKSTORE_ENV", "staging"),
        ("CURRENCY", "dollars"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "postgresql://u:p@h:port/n"),
        ("DATABASE_REPLICA_URL", "postgresql://replica/shop"),  # of SQLite
        ("DATABASE_REPLICA_URL", "sqlite:///replica"),
        ("DATABASE_POOLER", "transaction"),
        ("DATABASE_POOLER", "session"),
        ("DATABASE_REPLICA_LAG", "0"),
        ("REDIS_URL", "http://x"),
        ("REDIS_URL", "redis://h:port/0"),
        ("REDIS_URL", "redis+sentinel://h:1"),
        ("SENTRY_DSN", "https://k@o1:x/7"),
        ("SENTRY_DSN", "https://k:s@o1/abc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999"),
        ("PUBLIC_URL", "https://:443"),
        ("CORS_ORIGINS", "https://a.example, https://b.example:port"),
        ("LOG_LEVEL", "LOUD"),
        ("S3_BUCKET", "Our Covers"),
        ("S3_REGION", "Frankfurt am Main"),
        ("CDN_BASE_URL", "cdn.example.com"),
        ("SELLER_EMAIL", "Shop <shop@example.com>"),
    ],
)
def test_a_bad_one_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name}: [^\n]+$"):
        Settings.from_environ({name: value})


@pytest.mark.parametrize("secret", [None, "short", "changeme", "a" * 40])
def test_production_refuses_weak_secrets(secret: str | None) -> None:
    environ = {"BOOKSTORE_ENV": "production", **({"SECRET_KEY": secret} if secret else {})}
    with pytest.raises(BadSetting, match="^SECRET_KEY: "):
        Settings.from_environ(environ)


def test_production_takes_a_good_one() -> None:
    environ = {"BOOKSTORE_ENV": "production", "SECRET_KEY": GOOD_SECRET}
    assert Settings.from_environ(environ).resolved_secret_key() == GOOD_SECRET


def test_production_sends_no_mail_that_leads_nowhere() -> None:
    environ = {"BOOKSTORE_ENV": "production", "SECRET_KEY": GOOD_SECRET, "SENDGRID_API_KEY": "key"}
    with pytest.raises(BadSetting, match="^PUBLIC_URL: "):
        Settings.from_environ(environ)
    environ["PUBLIC_URL"] = "https://books.example.com"
    with pytest.raises(BadSetting, match="^MAIL_FROM: "):
        Settings.from_environ(environ)
    environ["MAIL_FROM"] = "Books <shop@books.example.com>"
    assert Settings.from_environ(environ).shop_url == "https://books.example.com"


def test_development_makes_and_keeps_a_secret(tmp_path: Path) -> None:
    settings = Settings(bookstore_home=tmp_path / "home")
    secret = settings.resolved_secret_key()
    assert len(secret) >= 32
    assert settings.resolved_secret_key() == secret
    mode = stat.S_IMODE((tmp_path / "home" / "secret_key").stat().st_mode)
    assert mode == 0o600
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["secret_key"]


def test_the_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetting, match="^BOOKSTORE_HOME: cannot write"):
        Settings(bookstore_home=tmp_path / "file").resolved_secret_key()


def test_secrets_are_masked() -> None:
    settings = Settings(
        secret_key=GOOD_SECRET, database_url="postgresql://u:hidden@h/d", redis_url="redis://:p@h"
    )
    shown = str(settings.table())
    assert GOOD_SECRET not in shown
    assert "u:hidden" not in shown
    assert "redis://:p" not in shown


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "flask", "--app", "wsgi", "settings"],
        ["-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(command: list[str], tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PORT": "no", "BOOKSTORE_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert result.stderr.strip() == "bookstore: PORT: must be a whole number, not 'no'"


def test_a_damaged_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(BadSetting, match="^SECRET_KEY: .* is damaged"):
        Settings(bookstore_home=tmp_path).resolved_secret_key()


def test_the_home_is_private(tmp_path: Path) -> None:
    Settings(bookstore_home=tmp_path / "home").make_home()
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


APART = {
    "BOOKSTORE_SERVICES": "orders",
    "SERVICE_TOKEN": GOOD_SECRET,
    "USER_SERVICE_URL": "http://users:8000/",
    "CATALOG_SERVICE_URL": "http://catalog:8000",
}


def test_a_part_knows_where_the_others_are() -> None:
    settings = Settings.from_environ(APART)
    assert settings.parts == {"orders"}
    assert settings.url_of("users") == "http://users:8000"
    assert settings.url_of("orders") is None
    two = Settings.from_environ({**APART, "BOOKSTORE_SERVICES": "orders, users"})
    assert two.parts == {"orders", "users"}
    whole = Settings.from_environ({})
    assert [whole.url_of(part) for part in sorted(whole.parts)] == [None, None, None]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"BOOKSTORE_SERVICES": "payments"}, "BOOKSTORE_SERVICES"),
        ({"BOOKSTORE_SERVICES": "orders,orders"}, "BOOKSTORE_SERVICES"),
        ({"SERVICE_TOKEN": ""}, "SERVICE_TOKEN"),
        ({"SERVICE_TOKEN": "short"}, "SERVICE_TOKEN"),
        ({"SERVICE_TOKEN_PREVIOUS": "short"}, "SERVICE_TOKEN_PREVIOUS"),
        ({"USER_SERVICE_URL": ""}, "USER_SERVICE_URL"),
        ({"USER_SERVICE_URL": "users:8000"}, "USER_SERVICE_URL"),
    ],
)
def test_a_part_without_the_others_does_not_start(changes: dict[str, str], name: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name}: "):
        Settings.from_environ({**APART, **changes})


def test_a_store_of_no_bucket_is_a_mistake() -> None:
    elsewhere = {"S3_ENDPOINT_URL": "https://s3.example.com"}
    with pytest.raises(BadSetting, match=r"^S3_BUCKET: must be set"):
        Settings.from_environ(elsewhere)
    settings = Settings.from_environ({**elsewhere, "S3_BUCKET": "our-covers"})
    assert (settings.s3_bucket, settings.s3_region) == ("our-covers", "us-east-1")
