"""What the catalogue does when nobody waits for it."""

from app.catalog import formats
from app.lib.clock import every
from app.lib.jobs import job

every(86_400, "catalog.add_formats")


@job("catalog.add_formats")
def add_formats(images: int = 0, home_panels: int = 0) -> None:
    formats.add_formats(images, home_panels)
