"""Takes out of a text what no log may show: a last net, behind not writing it at all."""

import re
from urllib.parse import urlsplit, urlunsplit

_GONE = "[left out]"

_SECRETS = re.compile(
    r"""
      \beyJ[\w-]{8,}\.[\w-]+\.[\w-]*                      # a JSON Web Token
    | \bwhsec_[A-Za-z0-9+/=]+                             # a webhook's secret
    | \b(?:sk|rk)_(?:test|live)_\w+                       # Stripe's keys
    | \bbk_[0-9A-Za-z]{8}_[0-9A-Za-z]{20,}                # an API key of the shop's
    | \bgAAAA[\w-]{40,}=*                                 # what the shop has sealed, links in mails
    | \bSG\.[\w-]+\.[\w-]+                                # SendGrid's
    | \bpi_\w+_secret_\w+                                 # a payment intent's
    | (?<=bearer\ )[^\s"',]+ | (?<=basic\ )[^\s"',]+      # a header
    | (?<=ticket=)[^&\s"']+ | (?<=token=)[^&\s"']+ | (?<=key=)[^&\s"']+       # a query
    | (?<=password=)[^&\s"']+ | (?<=secret=)[^&\s"']+ | (?<=signature=)[^&\s"']+
    | ["'](?:password|(?:client_)?secret|\w*token|refresh|access|ticket|key)["']\s*:\s*["'][^"']*
    | (?<![\w.+%-])[\w.+%-]{1,254}@[\w-]+(?:\.[\w-]+)+    # a mail address; from its start only
    | (?<=://)[^/\s:@"']+:[^/\s@"']+(?=@)                 # the user and password of an address
    """,
    re.VERBOSE | re.IGNORECASE,
)
# PostgreSQL quotes the row that it refuses, and the value that it cannot read.
# What it quotes may have line ends in it: up to where SQLAlchemy or a traceback goes on.
_END = r"""(?=\n\[SQL:|\n\n(?:The\ above|During\ handling\ of\ the\ above)\ exception|\Z)"""
_ROW = re.compile(
    rf"""
      (?<=\bDETAIL:\ ).*?{_END}
    | (?<=\bCONTEXT:\ ).*?{_END}
    | (?<=\binvalid\ input\ ).*?{_END}
    | (?<=\bout\ of\ range:\ ).*?{_END}
    | (?<=\bliteral:\ ).*?{_END}
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTING = ("DETAIL: ", "CONTEXT: ", "invalid input ", "out of range: ", "literal: ")
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
# Not an apostrophe. What is cut off before its end is quoted to the end.
_QUOTED = re.compile(
    r"""
      (?<!\w)'(?:\\.|[^'\\])*(?:'|\Z)
    | "(?:\\.|[^"\\])*(?:"|\Z)
    | “[^”]*(?:”|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)


def scrub(text: str) -> str:
    """Return a text without secrets, mail addresses, card numbers and quoted rows."""
    text = _SECRETS.sub(_GONE, text)
    if any(one in text for one in _QUOTING):
        text = _ROW.sub(_GONE, text)
    return _DIGITS.sub(lambda found: _GONE if _is_card(found[0]) else found[0], text)


def scrub_for_others(text: str) -> str:
    """As ``scrub``, and without anything that stands in quotes: exceptions quote what they got."""
    return _QUOTED.sub("'…'", scrub(text))


def open_address(url: str) -> str:
    """Return a URL without what may be secret in it: user and password, query, fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _GONE
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_card(text: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn)."""
    total = 0
    for place, digit in enumerate(int(one) for one in reversed(text) if one.isdecimal()):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
