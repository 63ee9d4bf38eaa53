"""How many of a variant a shopper may have."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects import postgresql

from app.inventory.models import Reservation, StockItem
from app.lib.db import session


def available_expression() -> ColumnElement[int]:
    """SQL for on hand + what may be promised beyond it - reserved + holds that expired but were not released yet.

    For a row of stock_items. Time is compared at read: a hold that is over counts as free although no job has run.
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
    return func.coalesce(StockItem.on_hand + StockItem.backorder_limit - StockItem.reserved + lapsed, 0)


# The same as text, written out once, so that no statement can disagree about what is left.
AVAILABLE = str(
    available_expression().compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
)

# Of that, what is there and free. Below zero by what is promised beyond it.
ON_SHELF = f"({AVAILABLE} - coalesce(stock_items.backorder_limit, 0))"


def stock_item(variant_id: int) -> StockItem | None:
    """Its counters; none when it never had stock."""
    return session().get(StockItem, variant_id, populate_existing=True)


def available(variant_ids: Iterable[int]) -> dict[int, int]:
    """How many of each variant can be bought now; a variant without a stock item has none."""
    wanted = list(variant_ids)
    rows = session().execute(
        select(StockItem.variant_id, available_expression()).where(StockItem.variant_id.in_(wanted))
    )
    found = {variant_id: max(0, int(count)) for variant_id, count in rows}
    return {variant_id: found.get(variant_id, 0) for variant_id in wanted}


def away(order_id: int) -> dict[int, int]:
    """How many units of each variant left the shelf for an order and did not come back; none of others."""
    units = func.sum(Reservation.quantity - Reservation.returned)
    rows = session().execute(
        select(Reservation.variant_id, units)
        .where(Reservation.order_id == order_id, Reservation.state == "taken")
        .group_by(Reservation.variant_id)
        .having(units > 0)
    )
    return {variant_id: int(count) for variant_id, count in rows}
