"""What the worker does for search: seconds after sales, every few minutes, each night."""

from app.catalog.search import documents, misses, models  # noqa: F401 - tables have names in every process
from app.lib.clock import every
from app.lib.jobs import job

every(5, "search.catch_up")
every(600, "search.count_sales")
every(86_400, "search.rebuild")


@job("search.catch_up")
def catch_up() -> None:
    documents.catch_up()


@job("search.count_sales")
def count_sales() -> None:
    documents.count_sales()


@job("search.rebuild")
def rebuild() -> None:
    """What is not written here is repaired here: counts that drifted, words nobody uses any more."""
    documents.rebuild()
    documents.tidy()
    misses.prune()


@job("search.rewrite")
def rewrite(kind: str, row_id: int) -> None:
    documents.rewrite(kind, row_id)
