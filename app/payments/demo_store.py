"""The demo provider's books in our own database, so that every process tells the same story."""

from contextlib import AbstractContextManager

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.lib.db import session, transaction
from app.payments.models import DemoPayment as Row
from app.payments.providers.demo import DemoPayment


class TableDemoStore:
    """The row is locked when it is read, so that two buttons pressed at once take turns."""

    def alone(self) -> AbstractContextManager[object]:
        return transaction()

    def get(self, reference: str) -> DemoPayment | None:
        with transaction() as current:
            row = current.get(Row, reference, populate_existing=True, with_for_update=True)
            return DemoPayment.from_json(row.data) if row else None

    def paid_between(self, since: float, until: float) -> list[DemoPayment]:
        paid_at = Row.data["paid_at"].as_float()
        with transaction() as current:
            rows = current.scalars(select(Row).where(paid_at >= since, paid_at < until, paid_at > 0).order_by(paid_at))
            return [DemoPayment.from_json(row.data) for row in rows]

    def put(self, payment: DemoPayment) -> None:
        values = {"data": payment.as_json(), "updated_at": func.now()}
        with transaction():
            session().execute(
                upsert(Row)
                .values(reference=payment.reference, **values)
                .on_conflict_do_update(index_elements=["reference"], set_=values)
            )
