"""From the shelves readers made up ("ya-books", "sci-fi-to-read") to the shop's categories."""

import re

_SHELVES = {
    "Fantasy": "fantasy fantasy-fiction fiction-fantasy genre-fantasy epic-fantasy high-fantasy "
    "fantasy-epic fantasy-high heroic-fantasy modern-fantasy adult-fantasy fantasy-series",
    "Science Fiction": "science-fiction sci-fi scifi sciencefiction sf classic-sci-fi space-opera "
    "cyberpunk",
    "Mystery": "murder-mystery detective detectives detective-fiction mystery-detective "
    "mystery-series mystery-crime crime-mystery crime-and-mystery cozy-mystery whodunit mystery",
    "Crime": "crime crime-fiction true-crime crime-thriller crime-thrillers noir",
    "Thriller": "thriller thrillers suspense-thriller action-thriller psychological-thriller "
    "spy-thriller techno-thriller political-thriller thriller-suspense fiction-thriller",
    "Horror": "horror horror-fiction fiction-horror gothic-horror horror-supernatural",
    "Romance": "romance romances romance-novels contemporary-romance historical-romance "
    "adult-romance love-story romance-contemporary romance-historical erotic-romance",
    "Paranormal": "paranormal paranormal-romance paranormal-fantasy paranormal-fiction vampires "
    "romance-paranormal fantasy-paranormal urban-fantasy fantasy-urban",
    "Historical Fiction": "historical-fiction fiction-historical historic-fiction "
    "historicalfiction historical-novel historical-novels historical-fic historical-mystery",
    "Literary Fiction": "literary-fiction magical-realism magic-realism world-literature",
    "Classics": "classics the-classics classic classic-literature classic-fiction "
    "modern-classics fiction-classics american-classics penguin-classics",
    "Young Adult": "ya young-adult ya-fiction ya-books ya-lit young-adult-fiction teen "
    "teen-fiction young-adults young-adult-books young-adult-lit ya-novels teens teen-books",
    "Children": "children childrens children-s children-s-books childrens-books kids "
    "children-books children-s-book childrens-book childrensbooks middle-grade middle-grades "
    "juvenile-fiction children-s-literature childrens-literature children-s-lit childrens-lit "
    "children-s-fiction childrens-fiction picture-books children-s-picture-books "
    "childrens-picture-books children-s-classics childrens-classics",
    "Comics": "comics comic graphic-novels graphic-novel manga mangas comics-graphic-novels "
    "graphic-novels-comics comics-and-graphic-novels graphic-novels-and-comics comics-manga "
    "dc-comics marvel comic-books manga-comics comics-and-manga",
    "Poetry": "poetry poems",
    "Short Stories": "short-stories short-story short-fiction",
    "Biography": "biography memoir memoirs autobiography biographies biography-memoir "
    "memoir-biography biography-autobiography autobiography-memoir biographies-memoirs "
    "auto-biography biography-and-memoir bio-memoir memoir-autobiography",
    "History": "world-history american-history us-history military-history history-american "
    "non-fiction-history historical-non-fiction history-politics history-biography",
    "Politics": "politics political economics political-science business",
    "Philosophy": "philosophy religion-philosophy philosophy-religion religion spirituality "
    "theology christian-non-fiction christian-nonfiction",
    "Psychology": "psychology self-help",
    "Science": "science popular-science physics biology mathematics",
    "Non-fiction": "non-fiction nonfiction adult-non-fiction adult-nonfiction general-non-fiction",
}
_CATEGORY = {shelf: name for name, shelves in _SHELVES.items() for shelf in shelves.split()}
_NOISE = re.compile(r"^(to-read|read|favorite)-|-(to-read|read)$")


def categories_of(shelves: str) -> list[str]:
    """Return the categories for comma-separated shelves, in alphabetic order.

    Shelves that say nothing ("fiction"), or several things at once ("mystery-thriller-horror"),
    are left out.
    """
    found = {_CATEGORY.get(_NOISE.sub("", shelf.strip().lower())) for shelf in shelves.split(",")}
    return sorted(name for name in found if name)
