"""Whether a variant may be sold before it is there, and how far."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import bindparam, select, text
from sqlalchemy.types import BigInteger

from app.catalog import search
from app.catalog.models import Variant
from app.catalog.overtaken import refuse_overtaken
from app.inventory.models import StockItem
from app.lib.db import retrying, transaction
from app.lib.errors import Invalid, NotFound

SUPPLIES = ("stocked", "backorder", "preorder")
MOST = 1_000_000

# In one breath: a shopper may be ordering at this moment. No row comes back when more is promised than the new limit.
LIMIT = text("""
    INSERT INTO stock_items AS s (variant_id, backorder_limit) VALUES (:variant_id, :most)
    ON CONFLICT (variant_id) DO UPDATE SET backorder_limit = excluded.backorder_limit
    WHERE s.on_hand + excluded.backorder_limit >= s.reserved AND s.on_hand + excluded.backorder_limit >= 0
    RETURNING backorder_limit
""").bindparams(bindparam("most", type_=BigInteger))

OWED = text("SELECT greatest(reserved - on_hand, -on_hand, 0) FROM stock_items WHERE variant_id = :variant_id")


@dataclass(frozen=True, slots=True)
class Supply:
    """What `set_supply` saves."""

    supply: str
    most: int
    ships_on: date | None


@retrying
def set_supply(
    variant_id: int, supply: str, *, most: int = 0, ships_on: date | None = None, seen: Supply | None = None
) -> Variant:
    """Sell what is there only (stocked), or up to `most` units more (backorder, preorder), which leave on `ships_on`.

    Raises Invalid with the field, for example when more than `most` is owed to orders already, NotFound, and Overtaken
    when it is no longer what was `seen`.
    """
    if supply not in SUPPLIES:
        raise Invalid("Choose how it is supplied: from stock, on backorder or as a preorder.", "supply")
    if supply == "stocked":
        most, ships_on = 0, None
    elif not 1 <= most <= MOST:
        raise Invalid("Enter how many may be sold before they are there, from 1 to a million.", "most")
    if ships_on is not None and ships_on < datetime.now(UTC).date():
        raise Invalid("This day is over. Enter the day it ships on, or nothing.", "ships_on")
    with transaction() as current:
        # Not waited for by an order that holds the stock's lock and only refers to the variant.
        variant = current.get(Variant, variant_id, with_for_update={"key_share": True}, populate_existing=True)
        if variant is None:
            raise NotFound("This variant no longer exists.")
        limit = current.scalar(select(StockItem.backorder_limit).where(StockItem.variant_id == variant_id))
        now = Supply(variant.supply, limit or 0, variant.ships_on)
        refuse_overtaken(Supply(supply, most, ships_on), seen, now, "supply")
        variant.supply, variant.ships_on = supply, ships_on
        current.flush()
        if current.scalar(LIMIT, {"variant_id": variant_id, "most": most}) is None:
            owed = current.scalar(OWED, {"variant_id": variant_id})
            raise Invalid(
                f"Orders are owed {owed} already: enter {owed} or more, or receive stock first.",
                "most",
            )
        search.refresh_variants([variant_id])
    return variant
