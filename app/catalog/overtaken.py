"""Two people at one form: what somebody else saved meanwhile is not overwritten unseen."""

from dataclasses import fields
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

from app.lib.errors import Invalid

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
D = TypeVar("D", bound="DataclassInstance")


class Overtaken(Invalid):
    """Somebody else changed the same field while the form was open; `differing` names those not saved as typed."""

    status = 409
    differing: frozenset[str] = frozenset()


def refuse_overtaken(typed: T, seen: T | None, now: T, field: str) -> None:
    """For what is saved as a whole: raises Overtaken when it is neither as it was `seen` nor as it was typed."""
    if seen is not None and now not in (seen, typed):
        raise _overtaken(field)


def mark_of(shown: object) -> str:
    """A short name of what a form shows, which it sends back; the repr of `shown` tells all of it."""
    return blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def refuse_other_mark(typed: D, mark: str, now: D, field: str) -> None:
    """As refuse_overtaken, for a form that sends back the mark of what it showed; an empty one says nothing."""
    if not mark or mark == mark_of(now) or now == typed:
        return
    error = _overtaken(field)
    error.differing = frozenset(it.name for it in fields(now) if getattr(now, it.name) != getattr(typed, it.name))
    raise error


def _overtaken(field: str) -> Overtaken:
    return Overtaken("Somebody changed this meanwhile. Nothing was overwritten: save again to replace it.", field)
