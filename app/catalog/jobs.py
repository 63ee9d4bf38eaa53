"""What the catalogue does when nobody waits for it."""

from app.catalog import formats
from app.catalog.csv import services as csv
from app.lib.clock import every
from app.lib.jobs import job

every(86_400, "catalog.add_formats")
every(86_400, "catalog.forget_files")


@job("catalog.add_formats")
def add_formats(after: int = 0) -> None:
    formats.add_formats(after)


@job("catalog.export")
def export(export_id: int) -> None:
    csv.write_export(export_id)


@job("catalog.check_import")
def check_import(import_id: int) -> None:
    csv.check(import_id)


@job("catalog.apply_import")
def apply_import(import_id: int) -> None:
    csv.go_on_applying(import_id)


@job("catalog.forget_files")
def forget_files() -> None:
    csv.forget_old()
