"""The HTML a book's description may hold."""

import nh3

_TAGS = {"p", "br", "b", "strong", "i", "em", "ul", "ol", "li", "a", "blockquote"}
_SCHEMES = {"http", "https", "mailto"}


def sanitise_html(text: str) -> str:
    """Return ``text`` with only harmless markup left; doing it twice changes nothing more."""
    if "<" not in text and "&" not in text and ">" not in text:
        # Most descriptions are plain; only the parser's treatment of line ends applies.
        return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return nh3.clean(text, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_SCHEMES)
