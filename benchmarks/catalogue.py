"""The books that are served: real ones from a folder, or made-up ones, always the same."""

import csv
import random
from pathlib import Path

from sqlalchemy import update

from bookstore.models import Book
from bookstore.services import catalog_import
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work

STOCK = 900_000  # enough for all orders of a run, and never low


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES = _words(
    "Silent Hidden Crimson Forgotten Golden Broken Winter Distant Burning Quiet Savage Gentle "
    "Midnight Scarlet Hollow Restless Bitter Emerald Wandering Frozen Secret Velvet Painted "
    "Shattered Ancient Borrowed Careless Drowned Endless Faithful Glass Hungry Invisible Jealous "
    "Last Lonely Marble Nameless Paper Reluctant"
)
_NOUNS = _words(
    "Garden River House Daughter Letter Harbour Orchard Island Mirror Winter Station Library "
    "Kingdom Lighthouse Promise Stranger Summer Cathedral Mountain Voyage Physician Clockmaker "
    "Gardener Captain Archive Bridge Chronicle Detective Empire Festival Ghost Horizon Inheritance "
    "Journey Kitchen Labyrinth Memory Novelist Ocean Portrait Quarrel Raven Shepherd Tailor "
    "Umbrella Valley Widow Xylophone Year Zodiac Almanac Bookseller Candle Debt Elephant Fable"
)
_PLACES = _words(
    "Lisbon York Cairo Kyoto Vienna Havana Dublin Marrakesh Prague Odessa Bergen "
    "Palermo Calcutta Samarkand Valparaíso Trieste Istanbul Edinburgh Zanzibar Antwerp Bruges "
    "Cracow Damascus Esfahan Florence Granada Hanoi Izmir Jaipur"
)
_FIRST = _words(
    "Anna Boris Clara David Elena Frank Grace Hugo Irene Jonas Karin Liam Maria Noor Oskar Paula "
    "Quentin Rosa Samuel Teresa Umberto Vera Walter Ximena Yusuf Zoë"
)
_LAST = _words(
    "Abbott Bauer Castillo Dubois Eriksson Fischer Garcia Hughes Ivanov Jansen Kovács Lindqvist "
    "Moreau Nakamura Okafor Petrov Quinn Rossi Silva Tanaka Underhill Varga Weber Yilmaz Zhang "
    "Ashworth Brennan Carvalho Delacroix Engström Ferraro Goldberg Holloway"
)
_SHELVES = _words(
    "Fiction Classics Fantasy Mystery History Biography Science Travel Poetry Romance Children "
    "Thriller Philosophy Art Cooking Horror Humour Nature Religion Drama"
)
_TITLES = ("The {} {} of {}", "{} {}: A Novel of {}", "The {} {} ({} Quartet, #2)")
_SENTENCE = "A tale of the {} in {}, where nobody is who they seem and every debt is called in."
_COLUMNS = _words(
    "title authors sku isbn publisher categories price pages language publication_date description"
)


def load(folder: Path | None, count: int, scratch: Path) -> str:
    """Fill the empty shop through its import; return what it was filled with, in words.

    Args:
        folder: of the goodbooks-10k files, or None to make books up.
        count: how many books at most.
        scratch: where files may be written.

    Raises:
        RuntimeError: the import refused rows that it should not have.
    """
    if folder is None:
        told = "generated books"
        report = catalog_import.import_file(SYSTEM, _generated(count, scratch / "books.csv"))
    else:
        told = "books of goodbooks-10k"
        report = catalog_import.import_file(
            SYSTEM,
            _first_rows(folder / "books.csv", count, scratch / "books.csv"),
            "goodbooks",
            prices=folder / "prices.csv",
            genres=folder / "genres.csv.gz",
        )
    if folder is None and report.created != count:
        raise RuntimeError(f"the import refused generated books: {report.errors[:3]}")
    with unit_of_work() as session:
        # The benchmark buys far more than any shop has.
        session.execute(
            update(Book)
            .values(stock=STOCK, status="available")
            .execution_options(synchronize_session=False)
        )
    return f"{report.created:,} {told}"


def _first_rows(source: Path, count: int, target: Path) -> Path:
    with source.open(encoding="utf-8", newline="") as given, target.open("w", newline="") as taken:
        writer = csv.writer(taken)
        for number, row in enumerate(csv.reader(given)):
            if number > count:
                break
            writer.writerow(row)
    return target


def _generated(count: int, target: Path) -> Path:
    chance = random.Random(20_000)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        writer.writerows(_book(chance, number) for number in range(count))
    return target


def _book(chance: random.Random, number: int) -> tuple[object, ...]:
    pattern = chance.choice(_TITLES)
    names = [_name(chance) for _ in range(1 + (chance.random() < 0.2))]
    return (
        pattern.format(chance.choice(_ADJECTIVES), chance.choice(_NOUNS), chance.choice(_PLACES)),
        ";".join(names),
        f"GEN-{number:06}",
        _isbn(number),
        f"{chance.choice(_LAST)} & {chance.choice(_LAST)}",
        ";".join(chance.sample(_SHELVES, chance.randint(1, 3))),
        f"{chance.randint(499, 5999) / 100:.2f}",
        chance.randint(80, 900),
        "en",
        f"{chance.randint(1950, 2025)}-{chance.randint(1, 12):02}-01",
        " ".join(_SENTENCE.format(chance.choice(_NOUNS), chance.choice(_PLACES)) for _ in range(3)),
    )


def _name(chance: random.Random) -> str:
    # Few write much and many write little, as it is.
    last = _LAST[min(int(chance.expovariate(0.08)), len(_LAST) - 1)]
    return f"{chance.choice(_FIRST)} {chance.choice('ABCDEFGHJKLMNPRSTW')}. {last}"


def _isbn(number: int) -> str:
    digits = f"979{number:09}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
