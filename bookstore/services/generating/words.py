"""Made-up names and titles. Few words are common and many are rare, as in a real catalogue."""

from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The most common first: what stands further back is drawn less often.
ADJECTIVES = _words(
    "Silent Hidden Crimson Forgotten Golden Broken Winter Distant Burning Quiet Savage Gentle "
    "Midnight Scarlet Hollow Restless Bitter Emerald Wandering Frozen Secret Velvet Painted "
    "Shattered Ancient Borrowed Careless Drowned Endless Faithful Glass Hungry Invisible Jealous "
    "Last Lonely Marble Nameless Paper Reluctant Stolen Tender Unfinished Violet Wicked Young "
    "Absent Brave Clever Dusty Eager Fallen Grey Honest Idle Jagged Kind Lost Merciful Narrow "
    "Obedient Patient Rusted Sleeping Thirsty Uneasy Vanished Weary Yellow Zealous Amber Blind "
    "Crooked Daring Electric Fragile Guilty Humble Iron Joyful Known Luminous Modern Northern "
    "Ordinary Perfect Quick Rising Solemn Twisted Unspoken Vast Wooden Practical Simple Complete"
)
NOUNS = _words(
    "Garden River House Daughter Letter Harbour Orchard Island Mirror Winter Station Library "
    "Kingdom Lighthouse Promise Stranger Summer Cathedral Mountain Voyage Physician Clockmaker "
    "Gardener Captain Archive Bridge Chronicle Detective Empire Festival Ghost Horizon Inheritance "
    "Journey Kitchen Labyrinth Memory Novelist Ocean Portrait Quarrel Raven Shepherd Tailor "
    "Umbrella Valley Widow Xylophone Year Zodiac Almanac Bookseller Candle Debt Elephant Fable "
    "Love Life Guide History World Night Story Secrets Heart Blood Shadow Fire Stone Dream War "
    "Girl Woman Man Child Mother Father Sister Brother King Queen Wolf Lion Bird Fox Horse Tiger "
    "Road Street City Village Forest Desert Sea Lake Storm Rain Snow Wind Sky Star Moon Sun Light "
    "Science Art Music Poetry Philosophy Medicine Law Economy Politics Religion Nature Physics "
    "Chemistry Algebra Language Grammar Cooking Bread Wine Coffee Salt Honey Apple Rose Tulip "
    "Handbook Companion Atlas Dictionary Essays Lectures Diary Confession Testament Sermon Ballad "
    "Symphony Opera Dance Theatre Painting Sculpture Museum Palace Castle Tower Temple Chapel "
    "Market Factory Mill Mine Railway Ship Anchor Compass Map Lantern Key Door Window Room Attic "
    "Sword Shield Crown Throne Treaty Rebellion Revolution Siege Battle Victory Defeat Peace"
)
PLACES = _words(
    "Lisbon York Cairo Kyoto Vienna Havana Dublin Marrakesh Prague Odessa Bergen Palermo Calcutta "
    "Samarkand Valparaíso Trieste Istanbul Edinburgh Zanzibar Antwerp Bruges Cracow Damascus "
    "Esfahan Florence Granada Hanoi Izmir Jaipur Kraków Leipzig Malmö Naples Oslo Porto Quebec "
    "Riga Seville Tallinn Uppsala Venice Warsaw Xi'an Yerevan Zürich Athens Bilbao Cologne Delft "
    "Essaouira Fez Ghent Haarlem Innsbruck Jakarta Kathmandu Luxor Mombasa Nantes Orvieto Perugia"
)
FIRST = _words(
    "Anna Boris Clara David Elena Frank Grace Hugo Irene Jonas Karin Liam Maria Noor Oskar Paula "
    "Quentin Rosa Samuel Teresa Umberto Vera Walter Ximena Yusuf Zoë Amir Bianca Cyril Dora Emil "
    "Flora Georg Hanna Ivan Julia Klaus Lena Marco Nadia Olga Pavel Rita Stefan Tomas Ursula"
)
_LAST = _words(
    "Abbott Bauer Castillo Dubois Eriksson Fischer Garcia Hughes Ivanov Jansen Kovács Lindqvist "
    "Moreau Nakamura Okafor Petrov Quinn Rossi Silva Tanaka Underhill Varga Weber Yilmaz Zhang "
    "Ashworth Brennan Carvalho Delacroix Engström Ferraro Goldberg Holloway"
)
_STEMS = _words(
    "Al Bar Cal Dor El Fan Gar Hal Ing Jor Kel Lor Mar Nor Or Pel Quar Ros Sel Tor Ul Var Wel Yor "
    "Zan Bren Cor Dal Em Fros Gren Hol Is Kar Lan Mor Ned Os Par Rav San Tre Um Vel Win Ash Ber"
)
_MIDDLES = _words("a e i o u an el in or un ar en il os ut ab ed ig om ul")
_ENDS = _words(
    "berg dale ford gren ham ini kov lund man nov quist rez sen son stad ton vale wick witz wood"
)
SHELVES = _words(
    "Fiction Classics Fantasy Mystery History Biography Science Travel Poetry Romance Children "
    "Thriller Philosophy Art Cooking Horror Humour Nature Religion Drama"
)
_HOUSES = ("Press", "Books", "House", "& Sons", "Editions", "Publishing")
_SENTENCE = "A tale of the {} in {}, where nobody is who they seem and every debt is called in."
_SAID = (
    "Could not put it down.",
    "Slow to begin with, and then it takes hold of you.",
    "I had hoped for more.",
    "Read it twice, and gave it to a friend.",
    "Beautifully written, if a little long.",
    "Not for me.",
    "Just what I was looking for.",
    "The ending makes up for the middle.",
)


def pick(chance: Random, among: tuple[str, ...]) -> str:
    """Return one of them, of the first ones rather than of the last."""
    return among[int(len(among) * chance.random() ** 1.5)]


def title(chance: Random) -> str:
    """Return a title."""
    noun, kind = pick(chance, NOUNS), chance.random()
    if kind < 0.30:
        return f"The {pick(chance, ADJECTIVES)} {noun} of {pick(chance, PLACES)}"
    if kind < 0.45:
        return f"{pick(chance, ADJECTIVES)} {noun}: A Novel of {pick(chance, PLACES)}"
    if kind < 0.60:
        series = f"{surname(chance)} Quartet, #{chance.randint(1, 4)}"
        return f"The {pick(chance, ADJECTIVES)} {noun} ({series})"
    if kind < 0.75:
        return f"{surname(chance)}'s {noun}"
    if kind < 0.90:
        return f"The {noun} and the {pick(chance, NOUNS)}"
    return f"{noun} in {surname(chance)}: {pick(chance, ADJECTIVES)} {pick(chance, NOUNS)}"


def surname(chance: Random) -> str:
    """Return a family name: one of some twenty thousand."""
    if chance.random() < 0.2:
        return pick(chance, _LAST)
    return f"{pick(chance, _STEMS)}{pick(chance, _MIDDLES)}{pick(chance, _ENDS)}"


def first_name(chance: Random) -> str:
    """Return a first name with an initial."""
    return f"{pick(chance, FIRST)} {chance.choice('ABCDEFGHJKLMNPRSTW')}."


def publisher(chance: Random) -> str:
    """Return the name of a publishing house."""
    return f"{surname(chance)} {chance.choice(_HOUSES)}"


def description(chance: Random) -> str:
    """Return what the back of a book says."""
    return " ".join(
        _SENTENCE.format(pick(chance, NOUNS).lower(), pick(chance, PLACES)) for _ in range(3)
    )


def opinion(chance: Random) -> str:
    """Return what a reader says."""
    return f"{chance.choice(_SAID)} {chance.choice(_SAID)}"
