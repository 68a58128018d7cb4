"""What a record of ONIX says of those who sell the book: for how much, and whether they can."""

from typing import Any

from bookstore import clock
from bookstore.extensions import settings
from bookstore.services.imports.onix_nodes import coded, day_of, text_of
from bookstore.services.imports.onix_reading import Record

# List 65
_STATUS = {
    "coming_soon": {"09", "10", "11", "12"},
    "available": {"20", "21", "22", "23"},
    "out_of_stock": {"01", *(str(code) for code in (*range(30, 35), *range(40, 53)))},
}
# List 58: what a reader pays, with tax and without.
_WITH_TAX, _WITHOUT_TAX = ("02", "04", "42"), ("01", "03", "41")


def supplied(record: Record) -> dict[str, str]:
    """Return the cells ``price`` and ``status`` of a record, as far as it tells.

    With tax before without: of two prices, what a reader pays at the till. One that is only given
    without is taken as it stands, as shops want it whose tax rates add to their prices.
    """
    details = record.product.findall("ProductSupply/SupplyDetail")
    found: dict[str, str] = {}
    statuses = [coded(_STATUS, text_of(one, "ProductAvailability")) for one in details]
    # One supplier that has it is enough.
    for status in ("available", "coming_soon", "out_of_stock"):
        if status in statuses:
            found["status"] = status
            break
    prices: dict[str, str] = {}
    for one in details:
        for price in one.iterfind("Price"):
            if _is_for_readers(price, record):
                kind = text_of(price, "PriceType") or record.price_type or ""
                prices.setdefault(kind, text_of(price, "PriceAmount"))
        if text_of(one, "UnpricedItemType") == "01":
            prices.setdefault(_WITH_TAX[-1], "0")
    kinds = (*_WITH_TAX, *_WITHOUT_TAX)
    found["price"] = next((prices[kind] for kind in kinds if prices.get(kind)), "")
    return found


def _is_for_readers(price: Any, record: Record) -> bool:
    """Whether anybody pays that for one copy today, in the shop's currency."""
    currency = text_of(price, "CurrencyCode") or record.currency or ""
    if currency.lower() != settings().currency:
        return False
    if text_of(price, "PriceQualifier") not in {"", "00", "05"}:
        return False
    if text_of(price, "MinimumOrderQuantity") not in {"", "1"}:
        return False
    today = clock.now().date()
    for one in price.iterfind("PriceDate"):
        day, role = day_of(one), text_of(one, "PriceDateRole")
        if day and ((role == "14" and day > today) or (role == "15" and day < today)):
            return False
    return True
