"""Everything under /admin: importing this module registers the pages of all its neighbours."""

from app.admin import (
    books,
    dashboard,
    inventory,
    mark_paid,
    order,
    orders,
    payments,
    products,
    providers,
    refund,
    search,
    staff,
    webhooks,
)
from app.admin.blueprint import bp

__all__ = [
    "books",
    "bp",
    "dashboard",
    "inventory",
    "mark_paid",
    "order",
    "orders",
    "payments",
    "products",
    "providers",
    "refund",
    "search",
    "staff",
    "webhooks",
]
