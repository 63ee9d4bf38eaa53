"""The inbox of webhooks: what was given up is shown, what came too early is read again, what is old goes."""

from sqlalchemy import text

from app.lib import outbox
from app.lib.db import transaction

KEPT_DAYS = 35  # longer than any provider would send a message again
PRUNED_AT_ONCE = 1000
STILL_HOPED_FOR = 6  # hours in which a message about an unknown payment is compared with the payments again
MOST_AT_ONCE = 100


def look_after() -> None:
    """Every minute."""
    note_failures()
    read_orphans_again()


# A job that was given up says why in its outbox row, which has done its duty then: the message waits for a person.
FAILED = text("""
    WITH given_up AS (
    UPDATE webhook_events e SET state = 'failed', note = left(o.last_error, 500), processed_at = o.dead_at
    FROM outbox o
    WHERE e.state = 'received' AND o.dead_at IS NOT NULL AND o.done_at IS NULL
      AND o.key IN ('webhook:' || e.id, 'webhook:' || e.id || ':' || floor(extract(epoch FROM e.processed_at))::bigint)
    RETURNING o.id
    )
    UPDATE outbox SET done_at = now() WHERE id IN (SELECT id FROM given_up)
""")


def note_failures() -> int:
    """Messages whose job was given up wait for a person from now on; returns how many are new."""
    with transaction() as current:
        return int(current.execute(FAILED).rowcount)  # type: ignore[attr-defined]


# Whoever takes a message moves its state, so two of us never take the same.
ORPHANS = text("""
    UPDATE webhook_events SET state = 'received', note = '' WHERE id IN (
        SELECT e.id FROM webhook_events e
        WHERE e.state = 'orphan' AND e.received_at > now() - make_interval(hours => :hours)
          AND EXISTS (SELECT 1 FROM payment_attempts a WHERE a.provider = e.provider
              AND a.reference = coalesce(e.reference, a.reference)
              AND (a.reference = e.reference OR a.provider_ref = e.provider_ref
                   OR a.provider_payment_ref = e.provider_payment_ref))
        ORDER BY e.id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id, floor(extract(epoch FROM processed_at))::bigint AS tried
""")


def read_orphans_again() -> int:
    """A message can be quicker than the answer that would have told us its name; returns how many fit by now."""
    with transaction() as current:
        found = current.execute(ORPHANS, {"hours": STILL_HOPED_FOR, "most": MOST_AT_ONCE}).all()
        for row in found:
            outbox.send("payments.read_webhook", key=f"webhook:{row.id}:{row.tried}", event_id=row.id)
        return len(found)


# Ids follow time, so the oldest rows are the first ones: no index by date is needed.
OLD = text("""
    DELETE FROM webhook_events WHERE id IN (
        SELECT id FROM (SELECT id, received_at FROM webhook_events ORDER BY id LIMIT :most) AS first
        WHERE received_at < now() - make_interval(days => :days))
""")


def prune() -> int:
    """Drop what is older than KEPT_DAYS, a batch to a transaction; returns how many."""
    gone = 0
    while True:
        with transaction() as current:
            batch = int(current.execute(OLD, {"most": PRUNED_AT_ONCE, "days": KEPT_DAYS}).rowcount)  # type: ignore[attr-defined]
        gone += batch
        if batch < PRUNED_AT_ONCE:
            return gone
