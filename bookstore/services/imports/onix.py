"""Turning a record of ONIX 3 into cells of the shop's own columns: one set of rules decides.

What a record does not say is left alone. The numbers are codes of EDItEUR's lists.
"""

import html
import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from bookstore.extensions import settings
from bookstore.services.imports import cells, languages, rows
from bookstore.services.imports.onix_nodes import coded, day_of, first_of, text_of
from bookstore.services.imports.onix_reading import Record
from bookstore.services.imports.onix_supply import supplied
from bookstore.services.imports.report import Draft, RowError

# List 1: what kinds of notice are no news of a book.
_NO_BOOKS = {
    "05": "asks for the record to be deleted: delete the book, or set its status, by hand",
    "08": "tells of a sale to another publisher",
    "09": "tells of an acquisition",
    "88": "is a test",
    "89": "is a test",
}
# List 17: who counts as author, if there is nobody of the kind before.
_AUTHORS: tuple[Callable[[str], bool], ...] = (
    lambda role: role in {"A01", "A02"},
    lambda role: role.startswith("A"),
    lambda role: role.startswith("B") and role != "B06",
    lambda role: True,
)
# List 19
_UNNAMED = {"01": "Unknown", "02": "Anonymous", "04": "Various"}
# List 23, the best first; the unit is pages (03).
_PAGES = ("00", "11", "05", "07", "06", "08", "10")
# List 64
_PUBLISHING_STATUS = {
    "coming_soon": {"02", "03"},
    "available": {"04"},
    "out_of_stock": {"01", "05", "06", "07", "08", "10", "11", "12", "15", "16", "17"},
}
# List 27: BISAC, BIC, Thema.
_SUBJECTS = ("10", "12", "93")
# List 50, in grams.
_GRAMS = {"gr": 1.0, "kg": 1000.0, "lb": 453.59237, "oz": 28.349523}


def to_draft(row: int, record: Record) -> Draft | list[RowError]:
    """Return the draft of a record, or all that is wrong with it; ``row`` is its number."""
    product = record.product
    if next(product.iter(etree.Entity), None) is not None:
        return [RowError(row, "record", "has an entity that nothing declares")]
    kind = text_of(product, "NotificationType")
    if kind in _NO_BOOKS:
        return [RowError(row, "notification_type", f"{_NO_BOOKS[kind]} ({kind})")]
    given = _descriptive(product) | _said(product) | _published(product) | supplied(record)
    given |= _identifiers(product)
    found = {name: cells.guard(text) for name, text in given.items() if text}
    missing = {name: found.get(name, "") for name in rows.REQUIRED}
    draft = rows.to_draft(row, missing | found)
    if not isinstance(draft, Draft) and not found.get("price"):
        why = f"no retail price in {settings().currency} (types 01 to 04, 41, 42) that holds now"
        draft = [RowError(row, e.field, why) if e.field == "price" else e for e in draft]
    return draft


def _identifiers(product: Any) -> dict[str, str]:
    ids = {
        text_of(one, "ProductIDType"): text_of(one, "IDValue")
        for one in product.iterfind("ProductIdentifier")
    }
    gtin = ids.get("03", "")
    number = ids.get("15") or (gtin if gtin.startswith(("978", "979")) else "") or ids.get("02", "")
    if number:
        return {"isbn": number}
    # What it is known by at its sender; a book without a number needs something of its own.
    reference = text_of(product, "RecordReference")
    return {"sku": f"onix:{reference}"[:64]} if reference else {}


def _descriptive(product: Any) -> dict[str, str]:
    detail = product.find("DescriptiveDetail")
    if detail is None:
        return {}
    title, subtitle = _title(detail)
    return {
        "title": title,
        "subtitle": subtitle,
        "authors": cells.join(_authors(detail)),
        "language": languages.short(
            first_of(detail, "Language", "LanguageRole", ("01",), "LanguageCode")
        ),
        "pages": _pages(detail),
        "categories": cells.join(_categories(detail)),
        "weight": _weight(detail),
    }


def _title(detail: Any) -> tuple[str, str]:
    for one in detail.iterfind("TitleDetail"):
        if text_of(one, "TitleType") != "01":
            continue
        for element in one.iterfind("TitleElement"):
            if text_of(element, "TitleElementLevel") == "01":
                parts = [text_of(element, "TitlePrefix"), text_of(element, "TitleWithoutPrefix")]
                title = text_of(element, "TitleText") or " ".join(filter(None, parts))
                return title, text_of(element, "Subtitle")
    return "", ""


def _authors(detail: Any) -> list[str]:
    people = [
        (role.text or "", int(place) if place.isdecimal() else 10**6, _name(one))
        for one in detail.iterfind("Contributor")
        for place in [text_of(one, "SequenceNumber")[:6]]
        for role in one.iterfind("ContributorRole")
    ]
    for counts in _AUTHORS:
        found = [(place, name) for role, place, name in people if name and counts(role.strip())]
        if found:
            return [name for _, name in sorted(found, key=lambda one: one[0])]
    return ["Anonymous"] if detail.find("NoContributor") is not None else []


def _name(one: Any) -> str:
    parts = ("NamesBeforeKey", "PrefixToKey", "KeyNames", "NamesAfterKey", "SuffixToKey")
    before, _, after = text_of(one, "PersonNameInverted").partition(",")
    return (
        text_of(one, "PersonName")
        or " ".join(filter(None, (text_of(one, part) for part in parts)))
        or f"{after} {before}".strip()
        or text_of(one, "CorporateName")
        or _UNNAMED.get(text_of(one, "UnnamedPersons"), "")
    )


def _pages(detail: Any) -> str:
    found = {
        text_of(one, "ExtentType"): text_of(one, "ExtentValue")
        for one in detail.iterfind("Extent")
        if text_of(one, "ExtentUnit") == "03"
    }
    # A book of no pages is one of which nobody knows how many.
    return next((found[kind] for kind in _PAGES if found.get(kind, "0").strip("0")), "")


def _categories(detail: Any) -> list[str]:
    """Return headings of subjects as their scheme words them; codes alone name no shelf."""
    names = [
        " ".join(heading.text.split()).removesuffix(" / General")
        for one in detail.iterfind("Subject")
        if text_of(one, "SubjectSchemeIdentifier") in _SUBJECTS
        for heading in one.iterfind("SubjectHeadingText")
        if heading.text
    ]
    return names[: rows.MAX_CATEGORIES]


def _weight(detail: Any) -> str:
    for one in detail.iterfind("Measure"):
        grams = _GRAMS.get(text_of(one, "MeasureUnitCode"))
        amount = text_of(one, "Measurement")
        if text_of(one, "MeasureType") == "08" and grams and re.fullmatch(r"\d{1,9}\.?\d*", amount):
            return str(round(float(amount) * grams))
    return ""


def _said(product: Any) -> dict[str, str]:
    detail = product.find("CollateralDetail")
    if detail is None:
        return {}
    texts = {
        text_of(one, "TextType"): text
        for one in reversed(detail.findall("TextContent"))
        for text in [one.find("Text")]
        if text is not None
    }
    told = texts.get("03", texts.get("02"))
    return {
        "description": "" if told is None else _html(told),
        "cover_url": _cover(detail),
    }


def _html(text: Any) -> str:
    """Return a text as HTML; what of it is harmless is decided where all descriptions are."""
    inner = html.escape(text.text or "", quote=False) if len(text) else text.text or ""
    if len(text):
        inner += "".join(etree.tostring(node, encoding="unicode") for node in text)
    elif text.get("textformat") not in {"02", "03", "05"}:
        inner = html.escape(inner, quote=False)
    return inner.strip()


def _cover(detail: Any) -> str:
    for one in detail.iterfind("SupportingResource"):
        if text_of(one, "ResourceContentType") == "01" and text_of(one, "ResourceMode") == "03":
            for link in one.iterfind("ResourceVersion/ResourceLink"):
                if (link.text or "").strip().lower().startswith(("http://", "https://")):
                    return str(link.text).strip()
    return ""


def _published(product: Any) -> dict[str, str]:
    detail = product.find("PublishingDetail")
    if detail is None:
        return {}
    house = first_of(detail, "Publisher", "PublishingRole", ("01",), "PublisherName")
    return {
        "publisher": house or text_of(detail, "Imprint/ImprintName"),
        "publication_date": next(
            (
                found.isoformat()
                for one in detail.iterfind("PublishingDate")
                if text_of(one, "PublishingDateRole") == "01" and (found := day_of(one))
            ),
            "",
        ),
        "status": coded(_PUBLISHING_STATUS, text_of(detail, "PublishingStatus")),
    }
