"""Two people at one form: what somebody else saved meanwhile is not overwritten unseen."""

from hashlib import blake2b
from typing import TypeVar

from app.lib.errors import Invalid

T = TypeVar("T")


class Overtaken(Invalid):
    """Somebody else changed the same field while the form was open."""

    status = 409


def refuse_overtaken(typed: T, seen: T | None, now: T, field: str) -> None:
    """For what is saved as a whole: raises Overtaken when it is neither as it was `seen` nor as it was typed."""
    if seen is not None and now not in (seen, typed):
        raise _overtaken(field)


def mark_of(fields: object) -> str:
    """A short name of what a form shows, which it sends back. `fields` has a repr that tells all of it."""
    return blake2b(repr(fields).encode(), digest_size=8).hexdigest()


def refuse_other_mark(typed: object, mark: str, now: object, field: str) -> None:
    """As refuse_overtaken, for a form that sends back the mark of what it showed; an empty one says nothing."""
    if mark and mark != mark_of(now) and now != typed:
        raise _overtaken(field)


def _overtaken(field: str) -> Overtaken:
    return Overtaken("Somebody changed this meanwhile. Nothing was overwritten: save again to replace it.", field)
