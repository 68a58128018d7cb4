"""The page of settings, from the settings themselves."""

import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from bookstore.config import Settings, checks
from bookstore.config.databases import Databases
from bookstore.config.eyes import Eyes
from bookstore.config.limits import Limits
from bookstore.config.outside import Outside
from bookstore.config.parts import Parts
from bookstore.config.transport import Transport

# In which order a reader meets them. Each class's own settings are a section.
TITLES: dict[type, str] = {
    Settings: "The shop",
    Databases: "Replicas and poolers",
    Outside: "Mail, push, payments, files",
    Limits: "Limits of requests",
    Transport: "Browsers",
    Eyes: "Logs, metrics, traces, errors",
    Parts: "Services apart",
}
# Pages that say more.
MORE = {
    name: page
    for page, name in (
        ("services-apart.md", "bookstore_services"),
        ("operations.md#browsers", "cors_origins"),
        ("operations.md#replicas-and-poolers", "database_pooler"),
        ("operations.md#replicas-and-poolers", "database_replica_url"),
        ("operations.md#postgresql", "database_url"),
        ("operations.md#https", "force_https"),
        ("graphql.md#cost", "graphql_max_cost"),
        ("operations.md#logs", "log_file"),
        ("operations.md#metrics-and-alarms", "metrics_token"),
        ("operations.md#traces", "otel_exporter_otlp_endpoint"),
        ("operations.md#limits", "ratelimit_burst"),
        ("recommendations.md", "recommendation_books"),
        ("operations.md#redis-one-sentinel-cluster", "redis_url"),
        ("operations.md#covers", "s3_bucket"),
        ("operations.md#errors", "sentry_dsn"),
        ("services-apart.md", "service_token"),
        ("operations.md#payments", "stripe_secret_key"),
        ("operations.md#taxes", "tax_rates"),
        ("operations.md#separate-processes", "trusted_proxies"),
    )
}
_KINDS = {int: "a whole number", bool: "true or false", Path: "a path", str: "a text"}
# What a text has to be, where its check is one that many share.
_TEXTS = {checks.web: "an http address", checks.email: "a mail address"}


def markdown() -> str:
    """Return a section for each group of settings, and in it one for each setting.

    Raises:
        ValueError: a setting does not say what it does.
        KeyError: a group has no title here.
    """
    grouped: dict[type, list[Field[Any]]] = {kind: [] for kind in TITLES}
    for item in fields(Settings):
        grouped[_home(item)].append(item)
    lines = []
    for kind, items in grouped.items():
        lines += [f"## {TITLES[kind]}", ""]
        for item in items:
            lines += [f"### {item.name.upper()}", "", _meaning(item), "", _facts(item), ""]
    return "\n".join(lines)


def _home(item: "Field[Any]") -> type:
    """Return the class that a setting is of."""
    return next(kind for kind in Settings.__mro__ if item.name in vars(kind)["__annotations__"])


def _meaning(item: "Field[Any]") -> str:
    text = str(item.metadata["help"]).strip()
    if len(text) < 10:
        raise ValueError(f"{item.name.upper()}: what does this setting do?")
    names = "|".join(found.name.upper() for found in fields(Settings))
    # What would be Markdown, and what is typed as it stands.
    text = re.sub(r"[*<]", r"\\\g<0>", text[0].upper() + text[1:])
    text = re.sub(rf"\b(?:{names})\b(?!:)|\b[a-z+]+://[^\s,;)]+", r"`\g<0>`", text)
    more = MORE.get(item.name)
    return f"{text}." + (f" [More about it]({more})." if more else "")


def _facts(item: "Field[Any]") -> str:
    """Return in one line what may be set, and what it is when nothing is."""
    default = item.default
    text = str(default).lower() if isinstance(default, bool) else str(default)
    kept = ", secret" if item.metadata["secret"] else ""
    unset = "Unset by default" if default is None else f"Default: `{text}`"
    kind = _kind(item)
    return f"*{kind[0].upper()}{kind[1:]}{kept}.* {unset}."


def _kind(item: "Field[Any]") -> str:
    """Return the type of a setting for people, with the bounds of a number."""
    if get_origin(item.type) is Literal:
        return "one of " + ", ".join(get_args(item.type))
    kind: Any = get_args(item.type)[0] if get_args(item.type) else item.type  # X of X | None
    if item.metadata["check"] in _TEXTS:
        return _TEXTS[item.metadata["check"]]
    # No number of the shop may be below nought, and the refusal names the bounds.
    refused = item.metadata["check"](-1) if kind is int else None
    return _KINDS[kind] + (f", {refused.removeprefix('must be ')}" if refused else "")
