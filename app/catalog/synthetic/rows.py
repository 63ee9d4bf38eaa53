"""The statements that make a part of the catalogue. Each value is a function of the product's number alone."""

# ruff: noqa: S608 - the statements are put together from what stands in this file.

from decimal import Decimal

from app.catalog.seed import LOCAL_MONEY_STEP, PER_DOLLAR
from app.lib.money import exponent

# Names of the streams of chance: two that share a number would rise and fall together.
STREAMS = (
    *("leaf", "brand", "noun", "material", "adjective", "other_adjective", "series", "letter", "other_letter"),
    *("digits", "price", "popularity", "age", "state", "use", "promise", "other_promise", "rare", "origin"),
    *("guarantee", "variants", "colour", "size", "compared", "reduced", "rising", "picture", "gallery"),
)
PIXELS = (1200, 1500)
WIDTHS = "[240, 400, 800, 1200]"
RARE_WORDS = 40_000
SERIES = 8_000
SALE_STARTED, SALE_OVER, SALE_TO_COME = "2024-01-01", "2024-02-01", "2090-01-01"


def statements(currency: str) -> list[str]:
    """In order, in one transaction; parameters are `first`, `last`, `currency` and those of Shelves."""
    return [
        # Filling takes longer than anything else runs, and a crash costs a run that can be repeated.
        "SET LOCAL statement_timeout = 0; SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '64MB'",
        "SELECT pg_advisory_xact_lock(hashtext('catalog.synthetic'), :first)",
        LEAVES,
        CHOSEN,
        NEW,
        PRODUCTS,
        PICTURES,
        FACTS,
        _variants(currency),
        VARIANTS,
        CHOICES,
        STOCK,
        MOVEMENTS,
        PRICES,
    ]


def _chance(stream: str, number: str = "n") -> str:
    """SQL for a fraction from 0 to below 1, the same for the same stream and number on every machine."""
    seed = 1_000_003 * (1 + STREAMS.index(stream))
    return f"((hashint8extended({number}, {seed}) >> 11) & 9007199254740991)::float8 / 9007199254740992.0"


def _pick(array: str, stream: str, power: float = 1.0, number: str = "n") -> str:
    """SQL for an element; with a power above 1 the head of the array is drawn more often."""
    return f"({array})[1 + floor(cardinality({array}) * power({_chance(stream, number)}, {power}))::int]"


def _made_up(rank: str, syllables: int) -> str:
    """SQL for an invented word, the same for the same rank."""
    parts = [
        f"(:syllables)[1 + (hashint8extended({rank}, {k}) & 65535) % cardinality(:syllables)]" for k in range(syllables)
    ]
    parts.append(f"(:endings)[1 + (hashint8extended({rank}, 9) & 65535) % cardinality(:endings)]")
    return " || ".join(parts)


def _rank(most: int, stream: str, power: float) -> str:
    return f"floor({most} * power({_chance(stream)}, {power}))::bigint"


LEAVES = """
    CREATE TEMP TABLE seed_leaves ON COMMIT DROP AS
    SELECT * FROM json_to_recordset(CAST(:leaves AS json)) it (
        place int, category_id bigint, nouns text[], materials text[], material_ids bigint[], size_ids bigint[],
        sizes text[], keys text[], lowest int, highest int)
"""

CHOSEN = f"""
    CREATE TEMP TABLE seed_chosen ON COMMIT DROP AS
    SELECT n, leaf.*, {_pick("leaf.nouns", "noun", 1.5)} AS noun,
        {_pick("leaf.materials", "material", 1.6)} AS material,
        {_pick("leaf.material_ids", "material", 1.6)} AS material_id,
        {_pick(":adjectives", "adjective", 1.8)} AS adjective,
        1 + floor(cardinality(:brand_ids) * power({_chance("brand")}, 2.2))::int AS brand,
        {_rank(SERIES, "series", 2.5)} AS series,
        chr(65 + floor(26 * {_chance("letter")})::int) || chr(65 + floor(26 * {_chance("other_letter")})::int)
            || (100 + floor(900 * {_chance("digits")}))::text AS model,
        leaf.lowest + (leaf.highest - leaf.lowest) * power({_chance("price")}, 3) AS dollars,
        (ARRAY[1, 1, 2, 2, 3, 3, 4, 4])[1 + floor(8 * {_chance("variants")})::int] AS variants,
        {_chance("state")} AS state
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    JOIN seed_leaves leaf
        ON leaf.place = 1 + floor((SELECT count(*) FROM seed_leaves) * power({_chance("leaf")}, 1.8))::int
"""

# The number at the end of its slug is what makes a product the same one at the next run.
NEW = f"""
    CREATE TEMP TABLE seed_new ON COMMIT DROP AS
    SELECT nextval(pg_get_serial_sequence('products', 'id')) AS id, named.*
    FROM (
        SELECT c.*,
            concat_ws(' ', initcap({_made_up("c.series", 3)}), adjective, material, noun, model) AS name,
            replace(adjective || '-' || material || '-' || noun, ' ', '-') || '-' || n AS slug
        FROM seed_chosen c
    ) named
    WHERE NOT EXISTS (SELECT FROM products p WHERE p.slug = named.slug)
    ORDER BY n
"""

PRODUCTS = f"""
    INSERT INTO products (id, name, slug, description, brand_id, category_id, status, published_at, is_featured, tags)
    OVERRIDING SYSTEM VALUE
    SELECT id, name, slug,
        'A ' || {_pick(":adjectives", "other_adjective")} || ' ' || noun || ' in ' || material || ', made by '
            || (:brand_names)[brand] || ' for ' || {_pick(":uses", "use")} || '. '
            || {_pick(":promises", "promise", 1.5)} || ' ' || {_pick(":promises", "other_promise")}
            || ' Designed in the ' || initcap({_made_up(_rank(RARE_WORDS, "rare", 1.4), 4)}) || ' workshop.',
        (:brand_ids)[brand], category_id,
        CASE WHEN state < 0.01 THEN 'draft' WHEN state < 0.02 THEN 'archived' ELSE 'active' END,
        CASE WHEN state < 0.01 THEN NULL
             WHEN state > 0.99 THEN timestamptz '2090-01-01 00:00Z'
             ELSE timestamptz '2023-01-01 00:00Z' + make_interval(secs => floor(94608000 * {_chance("age")})) END,
        power({_chance("popularity")}, 6) > 0.94,
        CASE WHEN power({_chance("popularity")}, 6) > 0.7 THEN '{{bestseller}}' WHEN state > 0.9 THEN '{{gift}}'
             ELSE '{{}}' END::text[]
    FROM seed_new
"""

PICTURES = f"""
    INSERT INTO images (product_id, key, alt, width, height, widths, position)
    SELECT id, keys[1 + (floor(4096 * {_chance("picture")})::int + shot) % cardinality(keys)], name,
        {PIXELS[0]}, {PIXELS[1]}, '{WIDTHS}', shot
    FROM seed_new
    CROSS JOIN LATERAL generate_series(0, CASE WHEN {_chance("gallery")} < 0.2 THEN 1 ELSE 0 END) shot
"""

FACTS = f"""
    INSERT INTO product_attributes (product_id, attribute_value_id)
    SELECT id, fact FROM seed_new CROSS JOIN LATERAL (VALUES
        (material_id), ({_pick(":origin_ids", "origin", 1.5)}),
        (CASE WHEN state > 0.4 THEN {_pick(":use_ids", "use")} END),
        (CASE WHEN state > 0.8 THEN {_pick(":guarantee_ids", "guarantee")} END)
    ) facts (fact)
    WHERE fact IS NOT NULL
"""


def _variants(currency: str) -> str:
    """Two to four variants differ by size, or by colour where goods have none; single ones have no options."""
    rising = f"dollars * (1 + CASE WHEN {_chance('rising')} < 0.2 THEN 0.08 * j ELSE 0 END)"
    return f"""
        CREATE TEMP TABLE seed_variants ON COMMIT DROP AS
        SELECT nextval(pg_get_serial_sequence('variants', 'id')) AS id, priced.*,
            CASE WHEN higher > price THEN higher END AS compare_at, CASE WHEN lower < price THEN lower END AS sale
        FROM (
            SELECT s.id AS product_id, n, j, model, state, s.reduced, s.colour, s.size,
                {_priced("cost", currency)} AS price,
                CASE WHEN {_chance("compared")} < 0.12 THEN {_priced("(cost * 1.3)", currency)} END AS higher,
                CASE WHEN s.reduced < 0.1 THEN {_priced("(cost * 0.75)", currency)} END AS lower,
                (:colour_ids)[colour] AS colour_id, (:colours)[colour] AS colour_name,
                size_ids[size] AS size_id, sizes[size] AS size_name
            FROM (
                SELECT new.*, j, {rising} AS cost, {_chance("reduced")} AS reduced,
                    CASE WHEN variants > 1 THEN 1 + ({_rank(24, "colour", 2.0)}::int
                        + 5 * CASE WHEN sizes = '{{}}' THEN j WHEN variants = 4 THEN j / 2 ELSE 0 END) % 24
                        END AS colour,
                    CASE WHEN variants > 1 AND sizes <> '{{}}' THEN
                        1 + floor((cardinality(sizes) - 2) * {_chance("size")})::int
                        + CASE WHEN variants = 4 THEN j % 2 ELSE j END END AS size
                FROM seed_new new CROSS JOIN LATERAL generate_series(0, new.variants - 1) j
            ) s
        ) priced
        ORDER BY n, j
    """


VARIANTS = f"""
    INSERT INTO variants (id, product_id, sku, option_key, options_text, price_minor, compare_at_minor, sale_minor,
        sale_starts_at, sale_ends_at, currency, barcode, weight_grams, position)
    OVERRIDING SYSTEM VALUE
    SELECT id, product_id, model || '-' || n || '-' || (j + 1),
        concat_ws(',', least(colour_id, size_id), nullif(greatest(colour_id, size_id), least(colour_id, size_id))),
        concat_ws(', ', colour_name, size_name), price, compare_at, sale,
        CASE WHEN sale IS NULL THEN NULL WHEN reduced < 0.02 THEN timestamptz '{SALE_TO_COME}'
             ELSE timestamptz '{SALE_STARTED}' END,
        CASE WHEN sale IS NOT NULL AND reduced BETWEEN 0.02 AND 0.04 THEN timestamptz '{SALE_OVER}' END,
        :currency,
        '20' || lpad((n * 8 + j)::text, 10, '0')
            || (10 - (2 + 3 * (x % 10 + x / 100 % 10 + x / 10000 % 10 + x / 1000000 % 10)
                + x / 10 % 10 + x / 1000 % 10 + x / 100000 % 10) % 10) % 10,
        100 + n % 900, j
    FROM seed_variants CROSS JOIN LATERAL (SELECT n * 8 + j AS x) code
"""

CHOICES = """
    INSERT INTO variant_values (variant_id, option_value_id)
    SELECT id, value FROM seed_variants CROSS JOIN LATERAL (VALUES (colour_id), (size_id)) of (value)
    WHERE value IS NOT NULL
"""

STOCK = f"""
    INSERT INTO stock_items (variant_id, on_hand)
    SELECT id, CASE WHEN {_chance("age", "n * 8 + j")} < 0.17 THEN 0
        ELSE 1 + floor(60 * {_chance("state", "n * 8 + j")})::int END
    FROM seed_variants
"""

# What was written is read again: whatever the counter says, its ledger says too.
MOVEMENTS = """
    INSERT INTO stock_movements (variant_id, on_hand_change, reserved_change, reason, note)
    SELECT s.variant_id, s.on_hand, 0, 'import', 'synthetic catalogue'
    FROM seed_variants v JOIN stock_items s ON s.variant_id = v.id WHERE s.on_hand > 0
"""

PRICES = """
    INSERT INTO price_events (variant_id, now_minor, currency) SELECT id, price, :currency FROM seed_variants
"""


def _priced(dollars: str, currency: str) -> str:
    """SQL for minor units that look like a price: 19.99 or 20.00, ¥2,600, KSh 2,450, KD 6.750."""
    rate = Decimal(PER_DOLLAR.get(currency, 1))
    digits = exponent(currency)
    if rate >= LOCAL_MONEY_STEP:
        step = LOCAL_MONEY_STEP if rate < 1000 else 500
        whole = f"greatest(1, round({dollars} * {rate} / {step})) * {step}"
    elif digits == 0:
        whole = f"greatest(1, round({dollars} * {rate}))"
    elif rate < 1:
        whole = f"greatest(1, round({dollars} * {rate} * 4)) / 4"
    else:
        whole = f"floor({dollars} * {rate}) + CASE WHEN n % 4 = 0 THEN 1 ELSE 0.99 END"
    return f"(({whole}) * {10**digits})::bigint"
