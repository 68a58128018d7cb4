"""ISBN-10 and ISBN-13 (ISO 2108) as text; separators and case do not matter."""

import re

# Spaces, dashes of every length and the soft hyphen: what print and web pages put inside.
_SEPARATORS = re.compile(r"[\s\u00ad\u2010-\u2015\u2212-]+")
_TEN = re.compile(r"[0-9]{9}[0-9X]")
_THIRTEEN = re.compile(r"[0-9]{13}")


def compact(text: str) -> str:
    """Return ``text`` without separators, upper case: "0-439-02348-x" → "043902348X"."""
    return _SEPARATORS.sub("", text).upper()


def is_format(text: str) -> bool:
    """Whether ``text`` has the form of an ISBN: 13 digits, or 10 of which the last may be X."""
    bare = compact(text)
    return bool(_TEN.fullmatch(bare) or _THIRTEEN.fullmatch(bare))


def has_valid_checksum(text: str) -> bool:
    """Whether ``text`` has the form of an ISBN and its check digit is right."""
    bare = compact(text)
    if _TEN.fullmatch(bare):
        return bare[9] == _check_ten(bare)
    return bool(_THIRTEEN.fullmatch(bare)) and bare[12] == _check_thirteen(bare)


def to_isbn13(text: str) -> str | None:
    """Return the 13 digits of ``text``, or None when it has no valid ISBN-10 or ISBN-13 form.

    An ISBN-13 is taken as it is; an ISBN-10 is only converted when its check digit is right,
    since the conversion would hide that it was wrong.
    """
    bare = compact(text)
    if _THIRTEEN.fullmatch(bare):
        return bare
    if has_valid_checksum(bare):
        body = "978" + bare[:9]
        return body + _check_thirteen(body)
    return None


def to_isbn10(text: str) -> str | None:
    """Return the ISBN-10 of ``text``, or None when there is none (979… and wrong forms)."""
    bare = compact(text)
    if _TEN.fullmatch(bare):
        return bare
    if not _THIRTEEN.fullmatch(bare) or not bare.startswith("978"):
        return None
    return bare[3:12] + _check_ten(bare[3:12])


def normalise(text: str) -> str:
    """Return the form in which a book's ISBN is stored.

    That is 13 digits; an ISBN-10 with a wrong check digit, and anything else, stays as given
    without its separators.
    """
    return to_isbn13(text) or compact(text)


def pad(text: str) -> str:
    """Give an ISBN-10 back the zeros a spreadsheet took: "439023483" → "0439023483"."""
    bare = compact(text)
    return bare.rjust(10, "0") if 0 < len(bare) < 10 else bare


def _check_ten(digits: str) -> str:
    rest = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits, strict=False))
    return "0123456789X"[-rest % 11]


def _check_thirteen(digits: str) -> str:
    odd, even = digits[:12:2], digits[1:12:2]
    return str(-(sum(map(int, odd)) + 3 * sum(map(int, even))) % 10)
