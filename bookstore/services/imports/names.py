"""Authors' names: how one is cut in two, and when two are the same."""

from bookstore.models.text import sort_key, words

_SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}


def name_key(name: str) -> str:
    """Return what two spellings of a full name have in common."""
    return " ".join(words(name)) or name.casefold()


def split_name(name: str) -> tuple[str, str]:
    """Return (first name, last name): cut at the last space, a suffix stays with the last.

    "Kurt Vonnegut Jr." → ("Kurt", "Vonnegut Jr."); "Plato" → ("", "Plato").
    """
    parts = name.split()
    cut = len(parts) - 1
    if cut > 0 and is_suffix(parts[-1]):
        cut -= 1
    return " ".join(parts[:cut]), " ".join(parts[cut:])


def is_suffix(part: str) -> bool:
    """Whether ``part`` is a Jr., Sr., II … that belongs to the name before it."""
    return part.strip(".,").casefold() in _SUFFIXES


def name_sort(name: str) -> str:
    """Return what an author of this full name is sorted by."""
    first, last = split_name(name)
    return sort_key(f"{last} {first}")[:320]


def possible_sorts(name: str) -> list[str]:
    """Return every ``name_sort`` an author of this name may have, wherever it was cut."""
    parts = words(name)
    return [sort_key(" ".join(parts[cut:] + parts[:cut])) for cut in range(max(len(parts), 1))]
