"""The first page and the pages of books as they are sent: readable before any script has run."""

import json
import re
from html import unescape
from typing import Any

from flask import Flask

from bookstore.blueprints import storefront
from bookstore.schemas.v2.catalog import SORTS
from bookstore.services import reviews
from tests.factories import make_book, make_user


def page(shop: Flask, path: str, status: int = 200) -> str:
    answer = shop.test_client().get(path)
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8"
    return unescape(answer.get_data(as_text=True))


def titles(html: str) -> list[str]:
    """Return the titles of the books that a page lists, in its order."""
    return re.findall(r'<h3><a href="/books/\d+">(.*?)</a></h3>', html)


def test_bestsellers_then_what_is_found(shop: Flask) -> None:
    with shop.app_context():
        emma = make_book("Emma", stock=0).id
        make_book("The Left Hand of <Darkness>", stock=2)
        for _ in range(20):
            make_book("Persuasion")
    html = page(shop, "/?utm_source=mail")
    assert len(titles(html)) == 10
    html = page(shop, "/?q=left+hand+darknes")
    assert titles(html) == ["The Left Hand of <Darkness>"]
    assert "Few left" in html
    assert 'aria-label="Add to cart: The Left Hand of <Darkness>"' in html
    html = page(shop, "/?q=emma")
    assert "Sold out" in html
    assert f'data-add="{emma}"' not in html
    html = page(shop, "/?q=persuasion")
    assert len(titles(html)) == 20
    assert 'rel="next"' not in html
    with shop.app_context():
        make_book("Persuasion")
    [more] = re.findall(r'rel="next" href="(.*?)"', page(shop, "/?q=persuasion"))
    assert len(titles(page(shop, more))) == 1
    assert "No book is like that" in page(shop, "/?q=qqqqq")
    for unfit in ("a%00b", "a" * 501):
        assert "cannot be searched for" in page(shop, f"/?q={unfit}")
    # Other words would not help.
    assert "There is no such page of the list." in page(shop, "/?q=persuasion&cursor=x")


def test_books_in_every_order_of_the_api(shop: Flask) -> None:
    with shop.app_context():
        for number in range(21):
            make_book(f"Volume {number:02}", price=1000 + number)
    assert set(storefront.SORTS) == set(SORTS)
    html = page(shop, "/")
    assert '<select id="sort"' not in html
    [every] = re.findall(r'<a href="(/\?sort=.*?)">All books</a>', html)
    html = page(shop, every)
    assert (len(titles(html)), titles(html)[0]) == (20, "Volume 20")
    assert '<option value="-created" selected>' in html
    assert 'value="relevance"' not in html
    html = page(shop, "/?q=volume&sort=price")
    assert titles(html)[:2] == ["Volume 00", "Volume 01"]
    assert '<input type="hidden" name="q" value="volume">' in html
    [more] = re.findall(r'rel="next" href="(.*?)"', html)
    html = page(shop, more)
    assert titles(html) == ["Volume 20"]
    assert 'rel="next"' not in html
    assert '<a href="/?q=volume&sort=price">First books</a>' in html
    for sort in storefront.SORTS:
        assert len(titles(page(shop, f"/?q=volume&sort={sort}"))) == 20, sort
    # What a form sends that says nothing, and what others add.
    assert len(titles(page(shop, "/?q=volume&sort=&cursor=&utm_source=mail"))) == 20
    for unfit in ("q=volume&sort=colour", "sort=relevance", "q=volume&sort=title&cursor=x"):
        assert "There is no such page of the list." in page(shop, f"/?{unfit}"), unfit
    # Blanks are no words that nothing is like.
    assert titles(page(shop, "/?q=++&sort=-title"))[0] == "Volume 20"


def test_reviews_by_pages(shop: Flask) -> None:
    with shop.app_context():
        book = make_book().id
        for number in range(11):
            reviews.post(make_user(), book, 4, f"Review {number:02}")
    html = page(shop, f"/books/{book}")
    said = [f"Review {number:02}" for number in range(11)]
    assert re.findall(r"Review \d\d", html) == said[:0:-1]
    assert "Newest reviews" not in html
    [older] = re.findall(r'rel="next" href="(.*?)"', html)
    html = page(shop, older)
    assert re.findall(r"Review \d\d", html) == said[:1]
    assert f'<a href="/books/{book}#said">Newest reviews</a>' in html
    assert 'rel="next"' not in html
    answer = shop.test_client().get(f"/books/{book}?reviews=x", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (422, "text/html")


def test_a_book(shop: Flask) -> None:
    with shop.app_context():
        book = make_book(
            "Left </script> Hand", price=999, isbn="9780441478125", description="<p>Winter.</p>"
        ).id
        reviews.post(make_user(), book, 5, "Cold <b>", "It is\nwinter.")
        reviews.post(make_user(), book, 4)
    html = shop.test_client().get(f"/books/{book}").get_data(as_text=True)
    assert "<p>Winter.</p>" in html
    assert "5 of 5: Cold &lt;b&gt;" in html
    assert '<meta name="description" content="Winter.">' in html
    assert re.search(rf'<link rel="canonical" href="http\S+/books/{book}">', html)
    assert told(html)["name"] == "Left </script> Hand"
    assert told(html)["offers"]["price"] == "9.99"
    assert told(html)["isbn"] == "9780441478125"
    assert told(html)["aggregateRating"]["ratingValue"] == 4.5


def told(html: str) -> dict[str, Any]:
    """Return what a page says to search engines."""
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html)
    return dict(json.loads(text))
