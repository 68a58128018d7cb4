"""Languages as others write them, in the shop's short form."""

# ISO 639-2 (bibliographic) to 639-1, of what books are mostly in.
_SHORT = {
    "ara": "ar", "bul": "bg", "cat": "ca", "chi": "zh", "cze": "cs", "dan": "da", "dut": "nl",
    "eng": "en", "est": "et", "fil": "fil", "fin": "fi", "fre": "fr", "ger": "de", "gle": "ga",
    "gre": "el", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ice": "is", "ind": "id",
    "ita": "it", "jpn": "ja", "kor": "ko", "lat": "la", "lav": "lv", "lit": "lt", "mul": "mul",
    "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "rum": "ro", "rus": "ru", "slo": "sk",
    "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi", "wel": "cy",
}  # fmt: skip


def short(code: str) -> str:
    """Return a language by two letters where it has them, else as it came: "eng" and "en-US" →
    "en", "fil" → "fil"."""
    return _SHORT.get(code.lower(), code.split("-")[0].lower()[:20])
