"""Everything under /admin: importing this module registers the pages of all its neighbours."""

from app.admin import (
    books,
    bulk,
    catalogue_csv,
    dashboard,
    facts,
    inventory,
    mark_paid,
    options,
    order,
    orders,
    payments,
    products,
    providers,
    refund,
    staff,
    variant,
    webhooks,
)
from app.admin.blueprint import bp

__all__ = [
    "books",
    "bp",
    "bulk",
    "catalogue_csv",
    "dashboard",
    "facts",
    "inventory",
    "mark_paid",
    "options",
    "order",
    "orders",
    "payments",
    "products",
    "providers",
    "refund",
    "staff",
    "variant",
    "webhooks",
]
