"""What must be true after every commit, as SQL: each query finds the rows that break the rule."""

from dataclasses import dataclass

from sqlalchemy import text

from app.lib.db import session

RULES: dict[str, tuple[str, str]] = {
    "I1 stock": (
        "0 <= reserved <= on hand, and both equal the sum of their ledger",
        """
        SELECT s.variant_id::text FROM stock_items s
        LEFT JOIN (
            SELECT variant_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
            FROM stock_movements GROUP BY variant_id
        ) m USING (variant_id)
        WHERE s.on_hand < 0 OR s.reserved < 0 OR s.reserved > s.on_hand
           OR s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0)
        """,
    ),
    "I1 holds": (
        "what is reserved equals the holds that were not released",
        """
        SELECT s.variant_id::text FROM stock_items s
        LEFT JOIN (
            SELECT variant_id, sum(quantity) AS held FROM reservations WHERE state = 'held' GROUP BY variant_id
        ) r USING (variant_id)
        WHERE s.reserved <> coalesce(r.held, 0)
        """,
    ),
    "I1 sold": (
        "units of paid, packed, shipped and delivered orders were taken from the shelf, of all others none",
        """
        SELECT o.number FROM orders o
        JOIN (SELECT order_id, sum(quantity) AS ordered FROM order_lines GROUP BY order_id) l ON l.order_id = o.id
        LEFT JOIN (
            SELECT order_id, sum(quantity) AS taken FROM reservations WHERE state = 'taken' GROUP BY order_id
        ) r ON r.order_id = o.id
        WHERE coalesce(r.taken, 0)
              <> CASE WHEN o.status IN ('paid', 'packed', 'shipped', 'delivered') THEN l.ordered ELSE 0 END
        """,
    ),
    "I2 totals": (
        "lines + shipping + tax on top - discount = total, for each order",
        """
        SELECT o.number FROM orders o
        JOIN (
            SELECT order_id, sum(unit_price_minor * quantity) AS goods, sum(discount_minor) AS discount,
                   sum(tax_minor) AS tax
            FROM order_lines GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE l.goods <> o.subtotal_minor OR l.discount <> o.discount_minor OR l.tax > o.tax_minor
           OR o.total_minor <> o.subtotal_minor - o.discount_minor + o.shipping_minor
              + CASE WHEN o.prices_include_tax THEN 0 ELSE o.tax_minor END
        """,
    ),
    "I2 owed": (
        "what is owed is the order's total, and so is each attempt",
        """
        SELECT o.number FROM payments p JOIN orders o ON o.id = p.order_id
        LEFT JOIN payment_attempts a ON a.payment_id = p.id
        WHERE p.amount_minor <> o.total_minor OR p.currency <> o.currency
           OR a.amount_minor <> p.amount_minor OR a.currency <> p.currency
        """,
    ),
    "I3 refunds": (
        "0 <= refunded <= captured, refunded is the sum of the refunds, and promises stay within captured",
        """
        SELECT a.reference FROM payment_attempts a
        LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) FILTER (WHERE state = 'succeeded') AS sent,
                   sum(amount_minor) FILTER (WHERE state <> 'failed') AS promised
            FROM refunds GROUP BY attempt_id
        ) r ON r.attempt_id = a.id
        WHERE a.refunded_minor <> coalesce(r.sent, 0) OR coalesce(r.promised, 0) > a.captured_minor
        """,
    ),
    "I3 paid": (
        "an order is paid if and only if the money counted for it covers its total, or a person said so",
        """
        SELECT o.number FROM orders o
        JOIN payments p ON p.order_id = o.id
        LEFT JOIN (
            SELECT payment_id, sum(captured_minor) AS captured, sum(captured_minor - coalesce(r.gone, 0)) AS kept
            FROM payment_attempts t
            LEFT JOIN (
                SELECT attempt_id, sum(amount_minor) AS gone FROM refunds WHERE state <> 'failed' GROUP BY attempt_id
            ) r ON r.attempt_id = t.id
            WHERE review NOT IN ('amount', 'currency') GROUP BY payment_id
        ) a ON a.payment_id = p.id
        WHERE (o.status IN ('paid', 'packed', 'shipped', 'delivered')) AND coalesce(a.captured, 0) < o.total_minor
           OR o.status = 'pending' AND o.total_minor > 0 AND coalesce(a.kept, 0) >= o.total_minor
        """,
    ),
    "I4 one order": (
        "a cart became at most one order, and an ordered cart has its order",
        """
        SELECT c.id::text FROM carts c LEFT JOIN orders o ON o.cart_id = c.id
        WHERE c.status = 'ordered' AND o.id IS NULL OR c.status = 'open' AND o.id IS NOT NULL
        """,
    ),
    "I5 money": (
        "captured money of an order that is not paid was sent back, is on its way back, or waits for staff",
        """
        SELECT a.reference FROM payment_attempts a
        JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
        WHERE a.captured_minor > 0
          AND (o.status IN ('pending', 'cancelled') OR a.review <> '')
          AND NOT EXISTS (SELECT 1 FROM payment_issues i WHERE i.attempt_id = a.id)
          AND (SELECT coalesce(sum(amount_minor), 0) FROM refunds r
               WHERE r.attempt_id = a.id AND r.state <> 'failed') < a.captured_minor
        """,
    ),
    "I7 order events": (
        "each order's last move in its events is the status it has",
        """
        SELECT o.number FROM orders o
        LEFT JOIN LATERAL (
            SELECT now FROM order_events e WHERE e.order_id = o.id AND e.kind IN ('placed', 'moved')
            ORDER BY e.id DESC LIMIT 1
        ) last ON true
        WHERE last.now IS DISTINCT FROM o.status
        """,
    ),
    "I7 append-only": (
        "the ledgers refuse UPDATE and DELETE",
        """
        SELECT wanted.name FROM unnest(ARRAY[
            'stock_movements', 'order_events', 'user_events', 'price_events']) AS wanted (name)
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relname = wanted.name AND t.tgname = 'append_only' AND t.tgenabled = 'O')
        """,
    ),
    "I8 letters": (
        "each paid order has its confirmation sent or on its way, and nothing was given up unseen",
        """
        SELECT o.number FROM orders o
        WHERE o.paid_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM outbox b WHERE b.key = 'mail-confirmation:' || o.id)
          AND NOT EXISTS (
            SELECT 1 FROM sent_mails m WHERE m.key = 'order-confirmation:' || o.id)
        """,
    ),
    "I8 outbox": (
        "no job waits more than an hour after it was due, and none was given up",
        """
        SELECT topic || ' ' || id FROM outbox
        WHERE done_at IS NULL AND (dead_at IS NOT NULL OR due_at < now() - interval '1 hour' AND attempts = 0)
        """,
    ),
}


@dataclass(frozen=True)
class Finding:
    """One rule: its name, its sentence, and the first rows that break it."""

    name: str
    sentence: str
    broken: tuple[str, ...]


def check() -> list[Finding]:
    """Look at every rule; a rule holds when nothing breaks it. I9 (nobody sees another's page) is a test."""
    return [Finding(name, sentence, _first(sql)) for name, (sentence, sql) in RULES.items()]


def _first(sql: str) -> tuple[str, ...]:
    return tuple(session().scalars(text(f"SELECT * FROM ({sql}) AS found LIMIT 5")))  # noqa: S608
