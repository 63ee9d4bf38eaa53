"""How many of a variant a shopper may have, and how it came to that."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select

from app.inventory.models import Reservation, StockItem, StockMovement
from app.lib.db import session


def available_expression() -> ColumnElement[int]:
    """SQL for on hand - reserved + holds that expired but were not released yet, for a row of stock_items.

    Time is compared at read: a hold that is over counts as free although no job has run.
    """
    lapsed = (
        select(func.coalesce(func.sum(Reservation.quantity), 0))
        .where(
            Reservation.variant_id == StockItem.variant_id,
            Reservation.state == "held",
            Reservation.expires_at <= func.now(),
        )
        .correlate(StockItem)
        .scalar_subquery()
    )
    return func.coalesce(StockItem.on_hand - StockItem.reserved + lapsed, 0)


def available(variant_ids: Iterable[int]) -> dict[int, int]:
    """How many of each variant can be bought now; a variant without a stock item has none."""
    wanted = list(variant_ids)
    rows = session().execute(
        select(StockItem.variant_id, available_expression()).where(StockItem.variant_id.in_(wanted))
    )
    found = {variant_id: max(0, int(count)) for variant_id, count in rows}
    return {variant_id: found.get(variant_id, 0) for variant_id in wanted}


def ledger(variant_id: int, *, limit: int = 50, before: int | None = None) -> list[StockMovement]:
    """Movements of a variant, newest first; `before` is the id to go on from."""
    statement = select(StockMovement).where(StockMovement.variant_id == variant_id)
    if before is not None:
        statement = statement.where(StockMovement.id < before)
    return list(session().scalars(statement.order_by(StockMovement.id.desc()).limit(limit)))
