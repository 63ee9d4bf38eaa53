"""What staff type about how one variant is sold, and how it is read. What was typed is kept beside each sentence."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from app.admin.catalogue_forms import money_from
from app.catalog.models import Variant
from app.catalog.quantities import Quantities
from app.inventory.models import StockItem
from app.lib.errors import Invalid

FIELDS = {
    "sale": ("sale", "sale_starts_at", "sale_ends_at"),
    "terms": ("barcode", "least", "most", "step", "low_stock_at"),
    "supply": ("supply", "most", "ships_on"),
}


def typed(card: str, form: Mapping[str, str]) -> dict[str, str]:
    """The fields of a card of the variant's page, as they were typed."""
    return {name: form.get(name, "").strip() for name in FIELDS[card]}


def seen(card: str, form: Mapping[str, str]) -> dict[str, str] | None:
    """The fields as the form showed them when it was opened; none where it does not say."""
    shown = dict(parse_qsl(form.get("seen", ""), keep_blank_values=True))
    return typed(card, shown) if shown else None


def saved(card: str, variant: Variant, stock: StockItem | None) -> dict[str, str]:
    """The same fields as they are saved, and all of them as `seen`."""
    fields = _saved(card, variant, stock)
    return fields | {"seen": urlencode(fields)}


def _saved(card: str, variant: Variant, stock: StockItem | None) -> dict[str, str]:
    if card == "sale":
        return {
            "sale": variant.sale.plain() if variant.sale is not None else "",
            "sale_starts_at": _local(variant.sale_starts_at),
            "sale_ends_at": _local(variant.sale_ends_at),
        }
    if card == "terms":
        return {
            "barcode": variant.barcode,
            "least": str(variant.min_quantity),
            "most": _words(variant.max_quantity),
            "step": str(variant.quantity_step),
            "low_stock_at": _words(variant.low_stock_at),
        }
    return {
        "supply": variant.supply,
        "most": str(stock.backorder_limit) if stock and stock.backorder_limit else "",
        "ships_on": variant.ships_on.isoformat() if variant.ships_on else "",
    }


def sale_from(it: Mapping[str, str]) -> dict[str, Any]:
    """For plan_sale. Raises Invalid with the field."""
    return {
        "sale": money_from(it["sale"], "sale") if it["sale"] else None,
        "starts_at": moment_from(it["sale_starts_at"], "sale_starts_at"),
        "ends_at": moment_from(it["sale_ends_at"], "sale_ends_at"),
    }


def terms_from(it: Mapping[str, str]) -> dict[str, Any]:
    """For set_terms. Raises Invalid with the field."""
    least, most, step = (_whole(it[name], name) for name in ("least", "most", "step"))
    return {
        "barcode": it["barcode"],
        "quantities": Quantities(1 if least is None else least, most, 1 if step is None else step),
        "low_stock_at": _whole(it["low_stock_at"], "low_stock_at"),
    }


def supply_from(it: Mapping[str, str]) -> dict[str, Any]:
    """For set_supply. Raises Invalid with the field."""
    return {
        "supply": it["supply"],
        "most": _whole(it["most"], "most") or 0,
        "ships_on": _day(it["ships_on"]),
    }


def moment_from(words: str, field: str) -> datetime | None:
    """What `<input type="datetime-local">` sends, read as UTC; None when nothing was typed. Raises Invalid."""
    if not words.strip():
        return None
    try:
        at = datetime.fromisoformat(words.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("Enter a date and a time, such as 2027-03-01 09:00.", field) from None


def _local(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _day(words: str) -> date | None:
    if not words:
        return None
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise Invalid("Enter a date, such as 2027-03-01.", "ships_on") from None


def _whole(words: str, field: str) -> int | None:
    if not words:
        return None
    if not words.isascii() or not words.isdigit() or len(words) > 9:
        raise Invalid("Enter a whole number.", field)
    return int(words)


def _words(number: int | None) -> str:
    return "" if number is None else str(number)
