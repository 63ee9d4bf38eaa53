"""Many variants in one save: what was typed for each, against what is saved, and written in a few statements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from app.lib.db import session
from app.lib.errors import ShopError
from app.lib.money import Money

MOST_ROWS = 500
STATUSES = ("active", "draft", "archived")


class Saved(NamedTuple):
    """What a row of the grid shows of what is saved, in minor units; also what its reader saw."""

    price_minor: int
    compare_at_minor: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A row somebody changed. `status` empty leaves its product's; `change` is by how much its stock changes."""

    sku: str
    seen: Saved
    price: Money
    compare_at: Money | None
    status: str = ""
    change: int = 0


class Refused(ShopError):
    """Nothing was saved. `errors` is SKU -> field -> sentence; `saved` is what other people saved meanwhile, by SKU."""

    title = "Not saved"

    def __init__(self, errors: Mapping[str, Mapping[str, str]], saved: Mapping[str, Saved]):
        count = len(errors)
        rows = "1 row needs" if count == 1 else f"{count} rows need"
        super().__init__(f"Nothing was saved: {rows} a look.")
        self.errors = errors
        self.saved = saved


# Whoever changes a product or its variants takes turns, products first, in one order.
LOCK_PRODUCTS = text("""
    SELECT id FROM products WHERE id IN (SELECT product_id FROM variants WHERE sku = ANY(:skus))
    ORDER BY id FOR NO KEY UPDATE
""").bindparams(bindparam("skus", type_=ARRAY(Text)))

LOCK_VARIANTS = text("""
    SELECT v.id, v.sku, v.product_id, v.price_minor, v.compare_at_minor, v.sale_minor, v.currency, p.status,
        EXISTS (SELECT FROM variants other WHERE other.product_id = p.id AND other.is_active) AS is_buyable
    FROM variants v JOIN products p ON p.id = v.product_id
    WHERE v.sku = ANY(:skus) ORDER BY v.id FOR NO KEY UPDATE OF v
""").bindparams(bindparam("skus", type_=ARRAY(Text)))


def locked(edits: Sequence[Edit]) -> dict[str, Row[Any]]:
    """The variants of these rows by SKU, locked until the transaction ends."""
    skus = [edit.sku for edit in edits]
    session().execute(LOCK_PRODUCTS, {"skus": skus})
    return {row.sku: row for row in session().execute(LOCK_VARIANTS, {"skus": skus})}


def complaints(edit: Edit, row: Row[Any], statuses: Mapping[int, set[str]]) -> dict[str, str]:
    """Field -> sentence for a row that cannot be saved as it was typed. `statuses` is what each product shall be."""
    wrong: dict[str, str] = {}
    price = _kept(edit.price.minor, edit.seen.price_minor, row.price_minor) or 0
    typed = None if edit.compare_at is None else edit.compare_at.minor
    compare_at = _kept(typed, edit.seen.compare_at_minor, row.compare_at_minor)
    if compare_at is not None and compare_at <= price:
        wrong["compare_at"] = "Above the price, or empty."
    if row.sale_minor is not None and price <= row.sale_minor:
        wrong["price"] = f"Above its sale price, {Money(row.sale_minor, row.currency)}; or end the sale first."
    if edit.status and edit.status not in STATUSES:
        wrong["status"] = "Live, draft or archived."
    elif edit.status == "active" and not row.is_buyable:
        wrong["status"] = "Nothing of it can be bought yet."
    elif len(statuses.get(row.product_id, set())) > 1:
        wrong["status"] = "One status for all variants of a product."
    return wrong


def overtaken(edit: Edit, row: Row[Any]) -> Saved | None:
    """What is saved by now, when somebody changed a field of the row that this edit changes as well."""
    now = Saved(row.price_minor, row.compare_at_minor, row.status)
    mine = (edit.price.minor, None if edit.compare_at is None else edit.compare_at.minor, edit.status or now.status)
    for typed, seen, saved in zip(mine, edit.seen, now, strict=True):
        if typed != seen and seen != saved and typed != saved:
            return now
    return None


IDS, AMOUNTS = ARRAY(BigInteger), ARRAY(BigInteger)

# A field nobody changed keeps what is saved: the row may have been overtaken there without a quarrel.
WRITE = text("""
    WITH typed AS (
        SELECT * FROM unnest(:ids, :prices, :compared) AS t (id, price_minor, compare_at_minor)
    ), was AS (
        SELECT v.id, v.price_minor FROM variants v JOIN typed USING (id)
    ), written AS (
        UPDATE variants v SET price_minor = t.price_minor, compare_at_minor = t.compare_at_minor
        FROM typed t WHERE v.id = t.id
        RETURNING v.id, v.price_minor, v.sale_minor, v.sale_starts_at, v.sale_ends_at, v.currency
    )
    INSERT INTO price_events (
        variant_id, was_minor, now_minor, sale_minor, sale_starts_at, sale_ends_at, currency, actor_id)
    SELECT w.id, was.price_minor, w.price_minor, w.sale_minor, w.sale_starts_at, w.sale_ends_at, w.currency, :actor_id
    FROM written w JOIN was USING (id) WHERE w.price_minor <> was.price_minor ORDER BY w.id
""").bindparams(
    bindparam("ids", type_=IDS),
    bindparam("prices", type_=AMOUNTS),
    bindparam("compared", type_=AMOUNTS),
    bindparam("actor_id", type_=BigInteger),
)

# As publish() has it: what was on sale before keeps its first date.
WRITE_STATUS = text("""
    UPDATE products p SET status = t.status, version = p.version + 1, updated_at = now(),
        published_at = CASE WHEN t.status = 'active' AND (p.published_at IS NULL OR p.published_at > now())
                            THEN now() ELSE p.published_at END
    FROM unnest(:ids, :statuses) AS t (id, status) WHERE p.id = t.id AND p.status <> t.status
""").bindparams(bindparam("ids", type_=IDS), bindparam("statuses", type_=ARRAY(Text)))


def write(edits: Iterable[tuple[Edit, Row[Any]]], actor_id: int | None) -> None:
    """Save the prices and statuses of rows that were locked and found right: two statements."""
    pairs = list(edits)
    prices = [_kept(e.price.minor, e.seen.price_minor, row.price_minor) for e, row in pairs]
    compared = [
        _kept(None if e.compare_at is None else e.compare_at.minor, e.seen.compare_at_minor, row.compare_at_minor)
        for e, row in pairs
    ]
    values = {"ids": [row.id for _, row in pairs], "prices": prices, "compared": compared, "actor_id": actor_id}
    session().execute(WRITE, values)
    statuses = {row.product_id: e.status for e, row in pairs if e.status and e.status != e.seen.status}
    if statuses:
        session().execute(WRITE_STATUS, {"ids": list(statuses), "statuses": list(statuses.values())})


def _kept(typed: int | None, seen: int | None, saved: int | None) -> int | None:
    return saved if typed == seen else typed
