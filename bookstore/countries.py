"""Countries by their two letters: the officially assigned codes of ISO 3166-1, and Kosovo's.

A code that no country has would be taxed nowhere, and sent to like any that no row names.
"""

import re

# 249 of ISO 3166-1 alpha-2, and XK, which ISO leaves to its users and all use for Kosovo. The
# checkout page has the same ones in static/countries.js.
_ALL = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN
    BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ
    DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL
    GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM
    JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP
    NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
CODES = frozenset(_ALL.split())
# What people write instead: the United Kingdom's own abbreviation, and Greece's for taxes.
_SLIPS = {"UK": "GB", "EL": "GR"}
_CODE = re.compile(r"[A-Z]{2}")


def complaint(code: str) -> str | None:
    """Return why this is no country's code, in words for whoever wrote it; None if it is one."""
    if code in CODES:
        return None
    if not _CODE.fullmatch(code):
        return "Two capital letters (ISO 3166-1)."
    slip = f" Did you mean {_SLIPS[code]}?" if code in _SLIPS else ""
    return f"No country has the code {code} (ISO 3166-1).{slip}"
