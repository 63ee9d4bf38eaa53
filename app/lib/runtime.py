"""The settings of this process, for code that must not know Flask."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config import Settings

_current: "Settings | None" = None
_secrets: tuple[str, ...] = ()


def use(settings: "Settings") -> None:
    global _current, _secrets
    _current, _secrets = settings, settings.secrets


def secrets() -> tuple[str, ...]:
    """The values in the settings that must not be shown, the longest first; none before there are settings."""
    return _secrets


def settings() -> "Settings":
    if _current is None:
        raise RuntimeError("No settings yet: create_app() sets them.")
    return _current
