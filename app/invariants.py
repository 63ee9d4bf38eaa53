"""What must be true after every commit, as SQL: each query finds the rows that break the rule."""

from dataclasses import dataclass

from sqlalchemy import text

from app.lib.db import session

# SQL, for a row of orders: goods that are paid, or were accepted to be paid at the door.
IS_SOLD = "o.status IN ('confirmed', 'paid', 'packed', 'shipped', 'delivered')"
# Accepted to be paid at the door, and not paid yet.
IS_DUE_AT_THE_DOOR = "(o.pays_on_delivery AND o.paid_at IS NULL AND o.status <> 'cancelled')"
IS_PAID = f"({IS_SOLD} AND NOT {IS_DUE_AT_THE_DOOR})"
AWAITS_MONEY = f"(o.status = 'pending' OR {IS_DUE_AT_THE_DOOR})"

# The money that counts for each payment: all that came, and what of it was not sent back. A second payment, and one
# that came late, are not the order's; what is in doubt counts when a person said so.
COUNTED = """
    SELECT t.payment_id, sum(t.captured_minor) AS captured, sum(t.captured_minor - coalesce(r.gone, 0)) AS kept
    FROM payment_attempts t
    LEFT JOIN (
        SELECT attempt_id, sum(amount_minor) AS gone FROM refunds WHERE state <> 'failed' GROUP BY attempt_id
    ) r ON r.attempt_id = t.id
    WHERE t.review NOT IN ('amount', 'currency', 'receipt', 'second', 'late') GROUP BY t.payment_id
"""

RULES: dict[str, tuple[str, str]] = {
    "I1 stock": (
        "reserved is within on hand and what may be promised beyond it, and both equal the sum of their ledger",
        """
        SELECT s.variant_id::text FROM stock_items s
        LEFT JOIN (
            SELECT variant_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
            FROM stock_movements GROUP BY variant_id
        ) m USING (variant_id)
        WHERE s.on_hand < -s.backorder_limit OR s.reserved < 0 OR s.reserved > s.on_hand + s.backorder_limit
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
        "units of confirmed, paid, packed, shipped and delivered orders were taken from the shelf, of all others none",
        f"""
        SELECT o.number FROM orders o
        JOIN (SELECT order_id, sum(quantity) AS ordered FROM order_lines GROUP BY order_id) l ON l.order_id = o.id
        LEFT JOIN (
            SELECT order_id, sum(quantity) AS taken FROM reservations WHERE state = 'taken' GROUP BY order_id
        ) r ON r.order_id = o.id
        WHERE coalesce(r.taken, 0)
              <> CASE WHEN {IS_SOLD} THEN l.ordered ELSE 0 END
        """,  # noqa: S608
    ),
    "I1 returned": (
        "what came back is what credits put on the shelf, and an order's ledger has moved what is away",
        """
        SELECT o.number FROM (
            SELECT order_id, variant_id, sum(returned) AS returned FROM reservations GROUP BY order_id, variant_id
        ) r
        LEFT JOIN (
            SELECT l.order_id, l.variant_id, sum(c.restocked) AS restocked
            FROM credit_lines c JOIN order_lines l ON l.id = c.order_line_id GROUP BY l.order_id, l.variant_id
        ) c USING (order_id, variant_id)
        JOIN orders o ON o.id = r.order_id
        WHERE r.returned <> coalesce(c.restocked, 0)
        UNION ALL
        SELECT o.number FROM (
            SELECT order_id, variant_id, sum(on_hand_change) AS moved FROM stock_movements GROUP BY order_id, variant_id
        ) m
        JOIN stock_items s USING (variant_id)
        LEFT JOIN (
            SELECT order_id, variant_id, sum(quantity - returned) AS away
            FROM reservations WHERE state = 'taken' GROUP BY order_id, variant_id
        ) r USING (order_id, variant_id)
        JOIN orders o ON o.id = m.order_id
        WHERE m.moved <> -coalesce(r.away, 0)
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
    "I2 papers": (
        "an invoice is about its order's figures, a credit note about its credit, and notes stay within the invoice",
        """
        SELECT d.number FROM documents d JOIN orders o ON o.id = d.order_id
        WHERE d.currency <> o.currency
           OR d.kind = 'invoice' AND (d.amount_minor, d.tax_minor) <> (o.total_minor, o.tax_minor)
        UNION ALL
        SELECT d.number FROM credits c JOIN documents d ON d.id = c.document_id
        WHERE d.kind <> 'credit_note' OR d.order_id <> c.order_id
           OR (d.amount_minor, d.tax_minor) <> (c.amount_minor, c.tax_minor)
        UNION ALL
        SELECT o.number FROM orders o
        JOIN documents n ON n.order_id = o.id AND n.kind = 'credit_note'
        LEFT JOIN documents i ON i.order_id = o.id AND i.kind = 'invoice'
        GROUP BY o.number, i.amount_minor, i.tax_minor
        HAVING sum(n.amount_minor) > coalesce(i.amount_minor, 0) OR sum(n.tax_minor) > coalesce(i.tax_minor, 0)
        """,
    ),
    "I2 owed": (
        "what is owed is the order's total, and an attempt asks for it, less what other payments brought",
        """
        SELECT o.number FROM payments p JOIN orders o ON o.id = p.order_id
        LEFT JOIN payment_attempts a ON a.payment_id = p.id
        WHERE p.amount_minor <> o.total_minor OR p.currency <> o.currency
           OR a.currency <> p.currency OR a.amount_minor > p.amount_minor
           OR a.amount_minor < p.amount_minor - (
               SELECT coalesce(sum(other.captured_minor), 0) FROM payment_attempts other
               WHERE other.payment_id = p.id AND other.id <> a.id)
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
    "I3 credits": (
        "the money of a credit is that of its refunds, failed ones aside, and credits never exceed their order",
        """
        SELECT o.number FROM credits c JOIN orders o ON o.id = c.order_id
        LEFT JOIN (
            SELECT credit_id, coalesce(sum(amount_minor) FILTER (WHERE state <> 'failed'), 0) AS sent,
                   bool_or(state = 'failed') AS has_failed
            FROM refunds GROUP BY credit_id
        ) r ON r.credit_id = c.id
        LEFT JOIN (SELECT credit_id, sum(amount_minor) AS lines FROM credit_lines GROUP BY credit_id) l
            ON l.credit_id = c.id
        WHERE coalesce(r.sent, 0) > c.amount_minor
           OR coalesce(r.sent, 0) < c.amount_minor AND NOT coalesce(r.has_failed, false)
           OR c.amount_minor <> coalesce(l.lines, 0) + c.shipping_minor + c.other_minor
        UNION ALL
        SELECT o.number FROM orders o
        JOIN (
            SELECT order_id, sum(amount_minor) AS amount, sum(tax_minor) AS tax FROM credits GROUP BY order_id
        ) c ON c.order_id = o.id
        WHERE c.amount > o.total_minor OR c.tax > o.tax_minor
        UNION ALL
        SELECT o.number FROM order_lines l
        JOIN (
            SELECT order_line_id, sum(quantity) AS units, sum(amount_minor) AS amount
            FROM credit_lines GROUP BY order_line_id
        ) c ON c.order_line_id = l.id
        JOIN orders o ON o.id = l.order_id
        WHERE c.units > l.quantity
           OR c.amount > l.total_minor + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_minor END
        """,
    ),
    "I3 paid": (
        "an order is paid if and only if the money counted for it covers its total; only at the door goods go unpaid",
        f"""
        SELECT o.number FROM orders o
        JOIN payments p ON p.order_id = o.id
        LEFT JOIN ({COUNTED}) a ON a.payment_id = p.id
        WHERE {IS_PAID} AND coalesce(a.captured, 0) < o.total_minor
           OR {AWAITS_MONEY} AND o.total_minor > 0 AND coalesce(a.kept, 0) >= o.total_minor
           OR o.status = 'confirmed' AND NOT {IS_DUE_AT_THE_DOOR}
        """,  # noqa: S608
    ),
    "I4 one order": (
        "a cart became at most one order, and an ordered cart has its order",
        """
        SELECT c.id::text FROM carts c LEFT JOIN orders o ON o.cart_id = c.id
        WHERE c.status = 'ordered' AND o.id IS NULL OR c.status = 'open' AND o.id IS NOT NULL
        """,
    ),
    "I5 money": (
        "captured money pays an order, or was sent back, or is on its way back, or waits for staff",
        f"""
        SELECT a.reference FROM payment_attempts a
        JOIN payments p ON p.id = a.payment_id JOIN orders o ON o.id = p.order_id
        WHERE a.captured_minor > 0
          AND (NOT {IS_PAID} OR a.review <> '')
          AND NOT EXISTS (SELECT 1 FROM payment_issues i WHERE i.attempt_id = a.id)
          AND (SELECT coalesce(sum(amount_minor), 0) FROM refunds r
               WHERE r.attempt_id = a.id AND r.state <> 'failed') < a.captured_minor
        """,  # noqa: S608
    ),
    "I5 excess": (
        "what was paid beyond an order was sent back, or somebody was told of it",
        f"""
        SELECT o.number FROM orders o
        JOIN payments p ON p.order_id = o.id
        JOIN ({COUNTED}) a ON a.payment_id = p.id
        WHERE {IS_PAID}
          AND a.kept > o.total_minor - (
            SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r JOIN credits c ON c.id = r.credit_id
            WHERE c.order_id = o.id AND r.state <> 'failed')
          AND NOT EXISTS (
            SELECT 1 FROM payment_issues i JOIN payment_attempts t ON t.id = i.attempt_id WHERE t.payment_id = p.id)
        """,  # noqa: S608
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
            'stock_movements', 'order_events', 'user_events', 'price_events', 'documents']) AS wanted (name)
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
    "I10 numbers": (
        "invoices and credit notes are numbered from 1 without a gap, up to the last number of their series",
        """
        SELECT coalesce(s.kind, d.kind) FROM document_series s
        FULL JOIN (
            SELECT kind, count(*) AS issued, min(serial) AS first, max(serial) AS last FROM documents GROUP BY kind
        ) d USING (kind)
        WHERE coalesce(s.last, 0) <> coalesce(d.last, 0) OR d.first <> 1 OR d.issued <> d.last
        """,
    ),
    "I10 invoices": (
        "each order that was paid since the first invoice was issued, and stayed so, has one",
        """
        SELECT o.number FROM orders o
        LEFT JOIN documents d ON d.order_id = o.id AND d.kind = 'invoice'
        WHERE o.paid_at > (SELECT min(issued_at) FROM documents WHERE kind = 'invoice')
          AND o.status <> 'cancelled' AND o.total_minor > 0 AND d.id IS NULL
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
