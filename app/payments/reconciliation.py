"""Everything at once, for an operator: ask after what has no end yet, then compare the books."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.lib.errors import NotFound
from app.payments import book_days, books, polling
from app.payments.differences import Difference
from app.payments.providers.base import ProviderError
from app.payments.registry import all_providers


@dataclass
class Report:
    """What came of one provider. `trouble` is a sentence when it, or something there, could not be asked."""

    provider: str
    asked: int = 0
    days: int = 0
    theirs: int = 0
    ours: int = 0
    healed: int = 0
    differences: list[Difference] = field(default_factory=list)
    trouble: str = ""

    @property
    def is_fine(self) -> bool:
        return not self.differences and not self.trouble


def reconcile(provider: str | None = None, days: int = 3) -> Iterator[Report]:
    """One provider after the other: today so far, and so many days before. Raises NotFound for an unknown one.

    Several at once share the work: nothing is asked twice, and no day is compared twice at the same time.
    """
    open_now = polling.open_now()
    names = list(dict.fromkeys([*all_providers(), *(name for _, name, _ in open_now)]))
    if provider is not None and provider not in names:
        raise NotFound(f"This shop has no provider {provider}. It has {', '.join(names)}.")
    for name in names if provider is None else [provider]:
        report = Report(name)
        _ask(report, [(reference, checks) for reference, other, checks in open_now if other == name])
        _compare(report, days)
        yield report


def _ask(report: Report, waiting: list[tuple[str, int]]) -> None:
    for reference, checks in waiting:
        if not polling.claim(reference, checks):
            continue
        try:
            polling.ask(reference)
        except ProviderError as error:
            report.trouble = str(error)
        else:
            report.asked += 1


def _compare(report: Report, days: int) -> None:
    today = datetime.now(UTC).date()
    first = book_days.first_day(report.provider)
    if first is None or report.provider not in all_providers():
        return
    for day in book_days.days_from(max(first, today - timedelta(days=days)), today):
        try:
            result = books.compare(report.provider, day)
        except ProviderError as error:
            report.trouble = str(error)
            return
        if result is not None:
            report.days += 1
            report.theirs += result.theirs
            report.ours += result.ours
            report.healed += result.healed
            report.differences += result.differences
