"""What an API key looks like."""

import zlib

from bookstore.services import api_key_text


def test_form() -> None:
    prefix = api_key_text.new_prefix()
    key = api_key_text.new_key(prefix)
    assert api_key_text.FORM.fullmatch(key)
    assert len(key) == 2 + 1 + 8 + 1 + 32 + 6
    assert api_key_text.prefix_of(key) == prefix
    assert len({api_key_text.new_key(prefix) for _ in range(1000)}) == 1000


def test_the_checksum_is_what_others_can_compute() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    key = api_key_text.new_key("bk_00000000")
    value = 0
    for digit in key[-6:]:
        value = value * 62 + digits.index(digit)
    assert value == zlib.crc32(key[:-6].encode())


def test_every_changed_character_is_noticed() -> None:
    key = api_key_text.new_key(api_key_text.new_prefix())
    for place, letter in enumerate(key):
        other = "0" if letter != "0" else "1"
        assert api_key_text.prefix_of(key[:place] + other + key[place + 1 :]) is None
    for junk in ("", "bk", key + "\n", key[:-1], f" {key}", key.replace("bk_", "sk_"), "é" * 50):
        assert api_key_text.prefix_of(junk) is None
