"""How text is folded for sorting, comparing and searching."""

import re
import unicodedata

_LEADING_ARTICLE = re.compile(r"^(the|an?)\s+(?=\S)")
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Return ``text`` without case, accents and compatibility forms: "García" → "garcia"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    """Return the folded words of ``text``; apostrophes join ("Ender's" → "enders")."""
    return _WORD.findall(re.sub(r"['’`]", "", fold(text)))


def sort_key(text: str) -> str:
    """Return what a title or name sorts by: folded words, a leading article left out."""
    return _LEADING_ARTICLE.sub("", " ".join(words(text)))


def slugify(text: str) -> str:
    """Return the words of ``text`` joined by dashes: "Science Fiction" → "science-fiction"."""
    return "-".join(words(text))
