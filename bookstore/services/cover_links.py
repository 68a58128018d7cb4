"""Where a book's cover is: what was uploaded, else what staff or an import said."""

from bookstore.extensions import settings


def links(names: str | None, elsewhere: str | None) -> dict[str, str] | None:
    """Return ``url``, ``medium_url`` and ``thumbnail_url``, absolute; None without a cover.

    They stay the same for as long as the cover does, so answers can be kept: the shop leads on
    from them to links of the store that are good for an hour.

    Args:
        names: the book's ``cover_names``.
        elsewhere: its ``cover_url``.
    """
    if names is None:
        found = [elsewhere] * 3
    else:
        base = (settings().cdn_base_url or settings().shop_url).rstrip("/")
        found = [f"{base}/covers/{name}.webp" for name in names.split()]
    large, medium, small = found
    if large is None or medium is None or small is None:
        return None
    return {"url": large, "medium_url": medium, "thumbnail_url": small}
