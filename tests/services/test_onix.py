"""ONIX 3 in: what of a record becomes of a book, and what is refused before it does any harm."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from flask import Flask

from bookstore import errors
from bookstore.services import catalog_import
from bookstore.services.actors import SYSTEM
from bookstore.services.catalog_import import Report
from bookstore.services.imports import onix_reading
from tests.services.imports import book, counts
from tests.services.onix_messages import DISPOSSESSED, in_short_tags, message, small

FEED = message(DISPOSSESSED)


def load(folder: Path, text: str | bytes, name: str = "feed.xml") -> Report:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return catalog_import.import_file(SYSTEM, path)


@pytest.mark.parametrize("feed", [FEED, in_short_tags(FEED), message(DISPOSSESSED, release="3.1")])
def test_a_record_becomes_a_book(app: Flask, tmp_path: Path, feed: str) -> None:
    report = load(tmp_path, feed)
    assert (counts(report), report.errors) == ((1, 0, 0, 0), [])
    found = book("The Dispossessed")
    assert (found.subtitle, found.isbn, found.sku) == (
        "An Ambiguous Utopia",
        "9780061054884",
        "9780061054884",
    )
    assert [one.full_name for one in found.authors] == ["Ursula K. Le Guin", "Second Author"]
    assert getattr(found.publisher, "name", None) == "Harper"
    assert str(found.publication_date) == "1974-05-01"
    assert (found.price, found.status, found.language) == (1699, "available", "en")
    assert (found.pages, found.weight, found.stock) == (387, 300, 0)
    assert [shelf.name for shelf in found.categories] == ["FICTION / Science Fiction"]
    assert found.description == "<p>Two <b>worlds</b> &amp; a wall.</p>"
    assert found.cover_url == "https://example.com/covers/1.jpg"
    # Again, and nothing changes.
    assert counts(load(tmp_path, feed)) == (0, 0, 1, 0)


def test_what_a_record_does_not_say_is_left_alone(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, FEED)
    ids = "<ProductIDType>15</ProductIDType><IDValue>9780061054884</IDValue>"
    short = small(
        1,
        ids=f"<ProductIdentifier>{ids}</ProductIdentifier>",
        title="<TitleText>The Dispossessed</TitleText>",
        supply="<ProductAvailability>31</ProductAvailability>",
        people="<ContributorRole>A01</ContributorRole>"
        "<PersonNameInverted>Le Guin, Ursula K.</PersonNameInverted>",
    )
    assert counts(load(tmp_path, message(short))) == (0, 1, 0, 0)
    found = book("The Dispossessed")
    assert (found.price, found.status) == (999, "out_of_stock")
    assert [one.full_name for one in found.authors] == ["Ursula K. Le Guin"]
    assert (found.pages, found.weight, str(found.publication_date)) == (387, 300, "1974-05-01")
    assert all((found.cover_url, found.publisher_id, found.subtitle, found.categories))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"price": "<PriceAmount>5</PriceAmount>"}, ("price", 500)),  # the header has the currency
        ({"supply": "<ProductAvailability>10</ProductAvailability>"}, ("status", "coming_soon")),
        ({"supply": "", "publishing": "<PublishingStatus>07</PublishingStatus>"},
         ("status", "out_of_stock")),
        ({"publishing": "<PublishingDate><PublishingDateRole>01</PublishingDateRole>"
          "<DateFormat>05</DateFormat><Date>1999</Date></PublishingDate>"},
         ("publication_date", "1999-01-01")),
        ({"publishing": "<Imprint><ImprintName>Only</ImprintName></Imprint>"},
         ("publisher", "Only")),
        ({"people": "<ContributorRole>B01</ContributorRole><CorporateName>A Society"
          "</CorporateName>"}, ("author", "A Society")),
        ({"people": "<ContributorRole>A01</ContributorRole><UnnamedPersons>04</UnnamedPersons>"},
         ("author", "Various")),
    ],
)  # fmt: skip
def test_other_ways_to_say_it(
    app: Flask, tmp_path: Path, parts: dict[str, str], expected: tuple[str, object]
) -> None:
    header = "<DefaultPriceType>02</DefaultPriceType><DefaultCurrencyCode>USD</DefaultCurrencyCode>"
    assert counts(load(tmp_path, message(small(1, **parts), header=header))) == (1, 0, 0, 0)
    found = book("Book 1")
    told = {
        "price": found.price,
        "status": found.status,
        "publication_date": str(found.publication_date),
        "publisher": found.publisher and found.publisher.name,
        "author": found.author.full_name,
    }
    assert told[expected[0]] == expected[1]
    assert found.sku == "onix:ref.1"


def test_each_bad_record_is_named(app: Flask, tmp_path: Path) -> None:
    wrong_isbn = "<ProductIDType>15</ProductIDType><IDValue>978</IDValue>"
    future = "<PriceDate><PriceDateRole>14</PriceDateRole><Date>29990101</Date></PriceDate>"
    report = load(
        tmp_path,
        message(
            small(1, kind="05"),
            small(2, kind="89"),
            small(3, price="<PriceAmount>9</PriceAmount><CurrencyCode>EUR</CurrencyCode>"),
            small(4, ids=f"<ProductIdentifier>{wrong_isbn}</ProductIdentifier>"),
            small(5, title=""),
            small(6, price=f"{future}<PriceAmount>9</PriceAmount><CurrencyCode>USD</CurrencyCode>"),
            small(7, title="<TitleText>A &unknown; title</TitleText>"),
            small(8),
            doctype='<!DOCTYPE ONIXMessage SYSTEM "http://127.0.0.1:9/ONIX.dtd">',
        ),
    )
    assert counts(report) == (1, 0, 0, 7)
    no_price = "no retail price in usd (types 01 to 04, 41, 42) that holds now"
    assert [str(error) for error in report.errors] == [
        "row 1: notification_type: asks for the record to be deleted: delete the book, or set its "
        "status, by hand (05)",
        "row 2: notification_type: is a test (89)",
        f"row 3: price: {no_price}",
        "row 4: isbn: is not an ISBN: 10 or 13 digits, dashes allowed",
        "row 5: title: is missing",
        f"row 6: price: {no_price}",
        "row 7: record: has an entity that nothing declares",
    ]


@pytest.mark.parametrize("database", ["sqlite"])
class TestNoMessage:
    """Refused as a whole, before anything is loaded."""

    LAUGHS = "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10)
    )

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (message(small(1), doctype=f"<!DOCTYPE x [{LAUGHS}]>").replace("Book", "&a9;"),
             "ntity"),
            (message(small(1), doctype=f"<!DOCTYPE x [{LAUGHS}]>").replace(
                'release="3.0"', 'release="3.0" sourcename="&a9;"'), "ntity"),
            (message(small(1), doctype='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>')
             .replace("Book", "&f;"), "declares entities"),
            (message(small(1), release="2.1"), "is ONIX 2.1"),
            ("<html><body>Not found</body></html>", "is not an ONIX message"),
            (message(small(1))[:-20], "is not well-formed XML"),
            (message(small(1)).replace("Book", "<a>" * 1000), "is not well-formed XML"),
        ],
        ids=["laughs", "laughs in an attribute", "file", "old", "page", "cut off", "deep"],
    )  # fmt: skip
    def test_is_refused(self, app: Flask, tmp_path: Path, text: str, reason: str) -> None:
        with pytest.raises(errors.Invalid) as refused:
            load(tmp_path, text)
        assert reason in str(refused.value)
        assert "root:" not in str(refused.value)

    def test_a_record_without_end_is_not_held(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(onix_reading, "LONGEST_RECORD", 200_000)
        endless = message(small(1, more="<Subject></Subject>" * 20_000))
        with pytest.raises(errors.Invalid, match="a record of more than"):
            load(tmp_path, endless)

    def test_a_long_message_needs_no_more_than_a_record(self, app: Flask, tmp_path: Path) -> None:
        """What lxml holds is its own; that Python's objects of it go shows that they go."""
        path = tmp_path / "long.xml.gz"
        path.write_bytes(gzip.compress(message(DISPOSSESSED * 3000).encode(), 1))
        source = onix_reading.OnixSource(path)
        tracemalloc.start()
        try:
            assert sum(1 for _ in source.records()) == source.total == 3000
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
