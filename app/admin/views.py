"""Everything under /admin: importing this module registers the pages of all its neighbours."""

from app.admin import dashboard, inventory, order, orders, payments, products, staff
from app.admin.blueprint import bp

__all__ = ["bp", "dashboard", "inventory", "order", "orders", "payments", "products", "staff"]
