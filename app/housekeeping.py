"""Work nobody waits for: rows that have done their duty go."""

from app.cart import services as carts
from app.lib import outbox
from app.lib.clock import every
from app.lib.db import db
from app.lib.jobs import job

every(3600, "housekeeping.tidy")


@job("housekeeping.tidy")
def tidy() -> None:
    outbox.forget_done(db.engine)
    carts.forget_abandoned()
