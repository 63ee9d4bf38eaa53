"""A catalogue of any size, the same every time, made inside the database: for measuring, not for showing."""

from sqlalchemy import text

from app.catalog.queries import forget_menu
from app.lib import runtime
from app.lib.db import transaction
from app.lib.money import exponent

MOST = 1_000_000
AT_ONCE = 20_000  # products in one transaction

BASICS = text("""
    WITH first_brands AS (
        INSERT INTO brands (name, slug)
        SELECT 'Maker ' || n, 'maker-' || n FROM generate_series(1, 40) n
        ON CONFLICT (slug) DO NOTHING
    ), kinds AS (
        INSERT INTO options (code, name, position) VALUES ('colour', 'Colour', 0), ('size', 'Size', 1)
        ON CONFLICT (code) DO NOTHING
    )
    SELECT 1
""")

VALUES = text("""
    INSERT INTO option_values (option_id, code, name, swatch, position)
    SELECT o.id, v.code, v.name, v.swatch, v.position
    FROM (VALUES
        ('colour', 'moss', 'Moss', '#66764f', 0), ('colour', 'navy', 'Navy', '#3e506b', 1),
        ('colour', 'rust', 'Rust', '#b0613f', 2), ('colour', 'oat', 'Oat', '#d3bf9f', 3),
        ('size', 's', 'S', '', 0), ('size', 'm', 'M', '', 1), ('size', 'l', 'L', '', 2)
    ) v (kind, code, name, swatch, position)
    JOIN options o ON o.code = v.kind
    ON CONFLICT (option_id, code) DO NOTHING
""")

CATEGORY = text("""
    INSERT INTO categories (name, slug, parent_id, path, position)
    SELECT CASE WHEN :parent = '' THEN 'Department ' ELSE 'Range ' END || n, :prefix || n,
           p.id, CASE WHEN p.id IS NULL THEN CAST('0' AS ltree) ELSE p.path END, n
    FROM generate_series(1, :count) n LEFT JOIN categories p ON p.slug = :parent
    ON CONFLICT (slug) DO NOTHING
""")

PATHS = text("""
    UPDATE categories c
    SET path = CASE WHEN c.parent_id IS NULL THEN text2ltree(c.id::text)
                    ELSE p.path || c.id::text END
    FROM categories self LEFT JOIN categories p ON p.id = self.parent_id
    WHERE self.id = c.id AND c.slug LIKE :pattern
""")

PRODUCTS = text("""
    INSERT INTO products (name, slug, description, brand_id, category_id, status, published_at, is_featured)
    SELECT initcap(a.word || ' ' || b.word || ' ' || c.word) || ' ' || n, 'p-' || n,
           'A ' || a.word || ' ' || c.word || ' in ' || b.word || ', number ' || n || '.',
           (SELECT id FROM brands WHERE slug = 'maker-' || (1 + n % 40)),
           (SELECT id FROM categories WHERE slug = 'range-' || (1 + n % 5) || '-' || (1 + n / 5 % 8)),
           'active', timestamptz '2024-01-01 00:00Z' + n * interval '1 minute', n % 97 = 0
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    JOIN (SELECT row_number() OVER () - 1 AS i, word FROM unnest(ARRAY[
        'plain', 'heavy', 'light', 'warm', 'boxy', 'slim', 'short', 'long', 'soft', 'strong']) word) a
        ON a.i = n % 10
    JOIN (SELECT row_number() OVER () - 1 AS i, word FROM unnest(ARRAY[
        'wool', 'linen', 'canvas', 'cotton', 'leather', 'oak', 'clay', 'steel', 'glass', 'cord', 'denim'
    ]) word) b
        ON b.i = n % 11
    JOIN (SELECT row_number() OVER () - 1 AS i, word FROM unnest(ARRAY[
        'jacket', 'shirt', 'bag', 'mug', 'lamp', 'chair', 'rug', 'scarf', 'boot', 'notebook', 'kettle',
        'belt', 'hat']) word) c ON c.i = n % 13
    ON CONFLICT (slug) DO NOTHING
""")

# Every third product is a single thing; the others come in two colours and three sizes.
VARIANTS = text("""
    INSERT INTO variants (product_id, sku, option_key, options_text, price_minor, currency, position)
    SELECT p.id, upper(p.slug) || coalesce('-' || upper(colour.code) || '-' || upper(size.code), ''),
           coalesce(least(colour.id, size.id) || ',' || greatest(colour.id, size.id), ''),
           coalesce(colour.name || ', ' || size.name, ''),
           (500 + n * 7919 % 40000) * CAST(:unit AS bigint) / 100, :currency,
           coalesce(colour.position * 3 + size.position, 0)
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    JOIN products p ON p.slug = 'p-' || n
    LEFT JOIN (SELECT value.* FROM option_values value JOIN options o ON o.id = value.option_id
               WHERE o.code = 'colour') colour
        ON n % 3 <> 0 AND colour.code IN (
            (ARRAY['moss', 'navy', 'rust', 'oat'])[1 + n % 4],
            (ARRAY['navy', 'rust', 'oat', 'moss'])[1 + n % 4])
    LEFT JOIN (SELECT value.* FROM option_values value JOIN options o ON o.id = value.option_id
               WHERE o.code = 'size' AND value.code IN ('s', 'm', 'l')) size ON n % 3 <> 0
    ON CONFLICT DO NOTHING
""")

LINKS = text("""
    INSERT INTO variant_values (variant_id, option_value_id)
    SELECT v.id, CAST(value AS bigint)
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    JOIN products p ON p.slug = 'p-' || n
    JOIN variants v ON v.product_id = p.id AND v.option_key <> ''
    CROSS JOIN unnest(string_to_array(v.option_key, ',')) value
    ON CONFLICT DO NOTHING
""")

# The counter and its line of the ledger in one statement, so that they add up.
STOCK = text("""
    WITH wanted AS (
        SELECT v.id, v.id * 31 % 60 AS quantity
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
        JOIN products p ON p.slug = 'p-' || n
        JOIN variants v ON v.product_id = p.id
    ), shelved AS (
        INSERT INTO stock_items (variant_id, on_hand) SELECT id, quantity FROM wanted
        ON CONFLICT (variant_id) DO NOTHING RETURNING variant_id, on_hand
    ), written AS (
        INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note)
        SELECT variant_id, on_hand, 0, 'import', 'synthetic catalogue' FROM shelved WHERE on_hand > 0
    ), priced AS (
        INSERT INTO price_events (variant_id, now_minor, currency)
        SELECT v.id, v.price_minor, v.currency FROM shelved JOIN variants v ON v.id = shelved.variant_id
    )
    SELECT count(*) FROM shelved
""")


def seed_products(count: int) -> None:
    """Bring the products p-1 to p-`count` into being, in bulk; those that exist stay. At most a million."""
    if not 1 <= count <= MOST:
        raise ValueError(f"Between 1 and {MOST:,} products, not {count:,}.")
    _make_shelves()
    currency = runtime.settings().currency
    unit = 10 ** exponent(currency)
    for first in range(1, count + 1, AT_ONCE):
        bounds = {"first": first, "last": min(count, first + AT_ONCE - 1)}
        with transaction() as current:
            current.execute(text("SET LOCAL statement_timeout = '5min'"))
            current.execute(PRODUCTS, bounds)
            current.execute(VARIANTS, {**bounds, "currency": currency, "unit": unit})
            current.execute(LINKS, bounds)
            current.execute(STOCK, bounds)
    with transaction() as current:
        for table in ("products", "variants", "variant_values", "stock_items", "categories"):
            current.execute(text(f"ANALYZE {table}"))


def _make_shelves() -> None:
    """Five departments with eight ranges each, forty brands, four colours and three sizes."""
    with transaction() as current:
        current.execute(BASICS)
        current.execute(VALUES)
        current.execute(CATEGORY, {"parent": "", "prefix": "department-", "count": 5})
        current.execute(PATHS, {"pattern": "department-%"})
        for department in range(1, 6):
            below = {"parent": f"department-{department}", "prefix": f"range-{department}-", "count": 8}
            current.execute(CATEGORY, below)
        current.execute(PATHS, {"pattern": "range-%"})
    forget_menu()
