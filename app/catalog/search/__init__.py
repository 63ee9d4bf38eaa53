"""Finding products: one document for each, written by the database as it commits what staff change (migration 0004)."""

from app.catalog.search.documents import rebuild, refresh, refresh_variants

__all__ = ["rebuild", "refresh", "refresh_variants"]
