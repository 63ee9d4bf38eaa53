"""Stock is taken and given back here, and nowhere else. Every change writes its line of the ledger."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from app.catalog import search
from app.inventory.queries import available
from app.lib import prepared
from app.lib.db import retrying, transaction
from app.lib.errors import Invalid, NotAllowed

IDS = ARRAY(BigInteger)


class NotEnoughStock(NotAllowed):
    """Some variants cannot be had as wanted; `left` says how many of each there are."""

    title = "Not enough in stock"

    def __init__(self, left: Mapping[int, int]):
        super().__init__("Some of this has just been sold. Look at your cart: it says what is left.")
        self.left = dict(left)


# Rows are locked in ascending order first, because a multi-row UPDATE has no order of its own and two of them
# could wait for each other. RESERVE then decides and writes in one breath: every line, or none.
LOCK = """
    SELECT variant_id FROM stock_items WHERE variant_id = ANY(CAST(:variants AS bigint[]))
    ORDER BY variant_id FOR NO KEY UPDATE
"""

RESERVE = """
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:variants AS bigint[]), CAST(:quantities AS bigint[])) AS w (variant_id, quantity)
    ), enough AS (
        SELECT w.variant_id, w.quantity FROM wanted w JOIN stock_items s USING (variant_id)
        WHERE s.on_hand + s.backorder_limit - s.reserved >= w.quantity
    ), taken AS (
        UPDATE stock_items s SET reserved = s.reserved + e.quantity
        FROM enough e
        WHERE s.variant_id = e.variant_id AND s.on_hand + s.backorder_limit - s.reserved >= e.quantity
          AND (SELECT count(*) FROM enough) = cardinality(CAST(:variants AS bigint[]))
        RETURNING s.variant_id, e.quantity
    ), held AS (
        INSERT INTO reservations (order_id, variant_id, quantity, expires_at)
        SELECT CAST(:order_id AS bigint), variant_id, quantity, CAST(:until AS timestamptz) FROM taken
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id)
        SELECT variant_id, 0, quantity, 'reserve', CAST(:order_id AS bigint) FROM taken
    )
    SELECT count(*) FROM taken
"""

# SKIP LOCKED: a hold being settled at this moment belongs to its payer, and waiting for it could deadlock.
RELEASE_LAPSED = text("""
    WITH lapsed AS (
        SELECT id FROM reservations
        WHERE variant_id = ANY(:variants) AND state = 'held' AND expires_at <= now()
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), freed AS (
        UPDATE reservations r SET state = 'released' FROM lapsed WHERE r.id = lapsed.id
        RETURNING r.variant_id, r.order_id, r.quantity
    ), given AS (
        UPDATE stock_items s SET reserved = s.reserved - f.quantity
        FROM (SELECT variant_id, sum(quantity)::bigint AS quantity FROM freed GROUP BY variant_id) f
        WHERE s.variant_id = f.variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id, note)
        SELECT variant_id, 0, -quantity, 'release', order_id, 'hold expired' FROM freed
    )
    SELECT count(*) FROM freed
""").bindparams(bindparam("variants", type_=IDS))


def reserve(order_id: int, quantities: Mapping[int, int], until: datetime) -> None:
    """Hold units for an order until a moment: all of them, or NotEnoughStock and none.

    Call it last in its transaction, because the stock rows are the ones everybody waits for.
    """
    variants = sorted(quantities)
    values = {
        "order_id": order_id,
        "variants": variants,
        "quantities": [quantities[variant] for variant in variants],
        "until": until,
    }
    with transaction() as current:
        prepared.run(LOCK, {"variants": variants})
        if prepared.run(RESERVE, values).scalar() == len(variants):
            return
        freed = current.scalar(RELEASE_LAPSED, {"variants": variants})
        if freed and prepared.run(RESERVE, values).scalar() == len(variants):
            return
        raise NotEnoughStock(available(variants))


# Summed first, because an order may hold a variant twice: an UPDATE meets each stock row once only.
END_HOLDS = """
    WITH ended AS (
        UPDATE reservations SET state = :state
        WHERE order_id = :order_id AND state = 'held' RETURNING variant_id, quantity
    ), moved AS (
        UPDATE stock_items s
        SET reserved = s.reserved - e.quantity, on_hand = s.on_hand - {leaving}
        FROM (SELECT variant_id, sum(quantity)::bigint AS quantity FROM ended GROUP BY variant_id) e
        WHERE s.variant_id = e.variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id, actor_id)
        SELECT variant_id, -{leaving}, -quantity, :reason, :order_id, :actor_id FROM ended e
    )
    SELECT count(*) FROM ended
"""
RELEASE = text(END_HOLDS.format(leaving="0"))
TAKE = text(END_HOLDS.format(leaving="e.quantity"))


def release(order_id: int, *, actor_id: int | None = None) -> int:
    """Give back what the order still holds, once; returns how many lines were held."""
    return _end_holds(order_id, RELEASE, "released", "release", actor_id)


def take(order_id: int, *, actor_id: int | None = None) -> int:
    """Sell what the order holds: it leaves the shelf. Returns how many lines were held."""
    return _end_holds(order_id, TAKE, "taken", "sale", actor_id)


def keep_still(variant_ids: Iterable[int]) -> None:
    """Lock these variants' stock now, in the one order everybody uses: for a transaction that takes it in two steps."""
    with transaction():
        prepared.run(LOCK, {"variants": sorted(variant_ids)})


def _end_holds(order_id: int, statement: object, state: str, reason: str, actor_id: int | None) -> int:
    with transaction() as current:
        variants = list(
            current.scalars(
                text("SELECT variant_id FROM reservations WHERE order_id = :order_id AND state = 'held'"),
                {"order_id": order_id},
            )
        )
        if not variants:
            return 0
        prepared.run(LOCK, {"variants": variants})
        values = {"order_id": order_id, "state": state, "reason": reason, "actor_id": actor_id}
        return int(current.scalar(statement, values) or 0)  # type: ignore[call-overload]


# Locked, because a hold that is over may be released for another shopper between this look and what follows it.
HELD = text("""
    SELECT variant_id, quantity FROM reservations WHERE order_id = :order_id AND state = 'held'
    ORDER BY id FOR UPDATE
""")


def missing(order_id: int, wanted: Mapping[int, int]) -> dict[int, int]:
    """What an order wants of each variant beyond what it holds; nobody can take that until the transaction ends."""
    holding: dict[int, int] = {}
    with transaction() as current:
        for row in current.execute(HELD, {"order_id": order_id}):
            holding[row.variant_id] = holding.get(row.variant_id, 0) + row.quantity
    return {v: quantity - holding.get(v, 0) for v, quantity in wanted.items() if quantity > holding.get(v, 0)}


PROLONG = text("UPDATE reservations SET expires_at = :until WHERE order_id = :order_id AND state = 'held'")


def prolong(order_id: int, until: datetime) -> bool:
    """Hold the order's units longer; False when nothing is held any more."""
    with transaction() as current:
        result = current.execute(PROLONG, {"order_id": order_id, "until": until})
        return bool(result.rowcount)  # type: ignore[attr-defined]


# What came back before, a part at a time, is on the shelf already: only the rest returns.
RESTOCK = text("""
    WITH back AS (
        UPDATE reservations SET state = 'released'
        WHERE order_id = :order_id AND state = 'taken' RETURNING variant_id, quantity - returned AS quantity
    ), moved AS (
        UPDATE stock_items s SET on_hand = s.on_hand + b.quantity
        FROM (SELECT variant_id, sum(quantity)::bigint AS quantity FROM back GROUP BY variant_id) b
        WHERE s.variant_id = b.variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id, actor_id)
        SELECT variant_id, quantity, 0, 'restock', :order_id, :actor_id FROM back WHERE quantity > 0
    )
    SELECT count(*) FROM back
""")


def restock(order_id: int, *, actor_id: int | None = None) -> int:
    """Put back on the shelf what the order had taken and not returned yet, once; returns how many lines."""
    with transaction() as current:
        variants = list(
            current.scalars(
                text("SELECT variant_id FROM reservations WHERE order_id = :order_id AND state = 'taken'"),
                {"order_id": order_id},
            )
        )
        prepared.run(LOCK, {"variants": variants})
        return int(current.scalar(RESTOCK, {"order_id": order_id, "actor_id": actor_id}) or 0)


# An order may have taken a variant in several rows: they are filled in turn. All units, or none.
RETURN = text("""
    WITH wanted AS (
        SELECT * FROM unnest(:variants, :quantities) AS w (variant_id, quantity)
    ), away AS (
        SELECT id, variant_id, quantity - returned AS units,
            sum(quantity - returned) OVER (PARTITION BY variant_id ORDER BY id) AS upto
        FROM reservations WHERE order_id = :order_id AND state = 'taken' AND variant_id = ANY(:variants)
    ), parts AS (
        SELECT a.id, least(a.units, w.quantity - (a.upto - a.units))::bigint AS units
        FROM away a JOIN wanted w USING (variant_id) WHERE a.units > 0 AND w.quantity > a.upto - a.units
    ), back AS (
        UPDATE reservations r SET returned = r.returned + p.units FROM parts p
        WHERE r.id = p.id AND r.state = 'taken' AND r.returned + p.units <= r.quantity
          AND (SELECT sum(units) FROM parts) = (SELECT sum(quantity) FROM wanted)
        RETURNING r.variant_id, p.units
    ), moved AS (
        UPDATE stock_items s SET on_hand = s.on_hand + b.units
        FROM (SELECT variant_id, sum(units)::bigint AS units FROM back GROUP BY variant_id) b
        WHERE s.variant_id = b.variant_id
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, order_id, actor_id)
        SELECT variant_id, sum(units), 0, 'restock', :order_id, :actor_id FROM back GROUP BY variant_id
    )
    SELECT coalesce(sum(units), 0) FROM back
""").bindparams(bindparam("variants", type_=IDS), bindparam("quantities", type_=IDS))


def restock_units(order_id: int, quantities: Mapping[int, int], *, actor_id: int | None = None) -> None:
    """Put some of what an order took back on the shelf, by variant: all these units, or none.

    Raises NotAllowed when not that many of them left the shelf and are still away. Call it late in its transaction,
    because the stock rows are the ones everybody waits for.
    """
    variants = sorted(quantities)
    wanted = [quantities[variant] for variant in variants]
    with transaction() as current:
        prepared.run(LOCK, {"variants": variants})
        values = {"order_id": order_id, "variants": variants, "quantities": wanted, "actor_id": actor_id}
        if current.scalar(RETURN, values) != sum(wanted):
            raise NotAllowed("Not so many of these units are away from the shelf: some are back already.")


CHANGE = text("""
    WITH changed AS (
        INSERT INTO stock_items AS s (variant_id, on_hand) SELECT :variant_id, :change WHERE :change >= 0
        ON CONFLICT (variant_id) DO UPDATE SET on_hand = s.on_hand + :change
        RETURNING variant_id, on_hand
    ), lowered AS (
        UPDATE stock_items SET on_hand = on_hand + :change
        WHERE :change < 0 AND variant_id = :variant_id
          AND on_hand + :change >= greatest(reserved - backorder_limit, 0)
        RETURNING variant_id, on_hand
    ), result AS (
        SELECT * FROM changed UNION ALL SELECT * FROM lowered
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note, actor_id)
        SELECT variant_id, :change, 0, :reason, :note, :actor_id FROM result
    )
    SELECT on_hand FROM result
""").bindparams(bindparam("change", type_=BigInteger))

MOST = 1_000_000


@retrying
def adjust(variant_id: int, change: int, *, note: str, actor_id: int | None = None, reason: str = "manual") -> int:
    """Add to what is on hand, or take away; returns the new count on hand.

    Raises Invalid without a note, for a change of 0 or beyond a million, and when less than is reserved would be left.
    """
    if not note.strip():
        raise Invalid("Say why the stock changes, for example: counted, damaged, delivered.", "note")
    if change == 0 or abs(change) > MOST:
        raise Invalid("Enter a change other than 0, at most a million.", "change")
    with transaction() as current:
        values = {
            "variant_id": variant_id,
            "change": change,
            "reason": reason,
            "note": note.strip()[:500],
            "actor_id": actor_id,
        }
        on_hand = current.scalar(CHANGE, values)
        if on_hand is None:
            raise Invalid(
                "That would leave less than is reserved for orders. Take away fewer, or cancel an order first.",
                "change",
            )
        search.refresh_variants([variant_id])
        return int(on_hand)


def receive(variant_id: int, quantity: int, *, note: str = "received", actor_id: int | None = None) -> int:
    """A delivery or an import: units come onto the shelf. Returns the new count on hand."""
    return adjust(variant_id, quantity, note=note, actor_id=actor_id, reason="import")
