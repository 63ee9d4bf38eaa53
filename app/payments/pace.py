"""How often a provider is asked about one attempt: often while somebody may be paying, then ever more seldom."""

from datetime import datetime, timedelta

# (while it is younger than so many seconds, it is asked again after so many)
BACK_OFF = ((60, 60), (180, 120), (480, 300), (1080, 600), (2880, 1800))
SELDOM = 3600
WHILE_OPEN = 240  # with the clock's tick and the job: paid within five minutes although every message is lost
FIRST_HOURS = timedelta(hours=2)  # a page may live for a day; hardly anybody pays after that long a look at it
ON_THE_PHONE = 10  # a prompt is answered within seconds, or not at all
PROMPT_LIVES = timedelta(minutes=2)


def first_pause(*, on_the_phone: bool) -> timedelta:
    """How long after an attempt was made it is asked after for the first time."""
    return timedelta(seconds=ON_THE_PHONE if on_the_phone else BACK_OFF[0][1])


def pause(began_at: datetime, page_ends_at: datetime | None, now: datetime, *, on_the_phone: bool = False) -> timedelta:
    """How long until the next question about something that began then and can be paid until then."""
    age = now - began_at
    if on_the_phone and age < PROMPT_LIVES:
        return timedelta(seconds=ON_THE_PHONE)
    usual = next((wait for younger, wait in BACK_OFF if age.total_seconds() < younger), SELDOM)
    if page_ends_at is not None and now < page_ends_at and age < FIRST_HOURS:
        return timedelta(seconds=min(usual, WHILE_OPEN))
    return timedelta(seconds=usual)
