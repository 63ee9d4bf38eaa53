"""The settings of this process, for code that must not know Flask."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config import Settings

_current: "Settings | None" = None


def use(settings: "Settings") -> None:
    global _current
    _current = settings


def settings() -> "Settings":
    if _current is None:
        raise RuntimeError("No settings yet: create_app() sets them.")
    return _current
