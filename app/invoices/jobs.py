"""Invoices for what was paid before there were any."""

from app.invoices import services
from app.lib.clock import every
from app.lib.jobs import job

every(3600, "invoices.catch_up")


@job("invoices.catch_up")
def catch_up() -> None:
    while services.catch_up():
        pass
