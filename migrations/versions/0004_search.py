"""Search documents: one row per product that can be on sale, kept by the database itself whoever writes."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Codes are kind << 56 | id, and for two option values kind << 56 | smaller id << 28 | greater id.
CODES = """
CREATE FUNCTION search_code(kind int, id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (kind::bigint << 56) + id $$;

CREATE FUNCTION search_pair(kind int, one bigint, other bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (kind::bigint << 56) + (least(one, other) << 28) + greatest(one, other) $$;

CREATE FUNCTION search_tag(tag text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (8::bigint << 56) + (hashtextextended(lower(tag), 0) & 72057594037927935) $$;

CREATE FUNCTION search_price_step(minor bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN minor < 1 THEN 0 ELSE floor(ln(minor) / ln(1.2))::int END $$;

CREATE FUNCTION search_is_sampled(product_id bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT hashint8(product_id) & 1023 < 51 $$;
"""

# The words of every language lose their accents before english looks at them; `shop_plain` keeps them whole, for the
# vocabulary that completes and corrects what is typed.
TEXT = """
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE TEXT SEARCH CONFIGURATION shop (COPY = english);
ALTER TEXT SEARCH CONFIGURATION shop ALTER MAPPING FOR
    asciiword, word, hword, hword_part, asciihword, hword_asciipart, numword, numhword, hword_numpart
    WITH unaccent, english_stem;
CREATE TEXT SEARCH CONFIGURATION shop_plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION shop_plain ALTER MAPPING FOR
    asciiword, word, hword, hword_part, asciihword, hword_asciipart, numword, numhword, hword_numpart
    WITH unaccent, simple;
"""

# One row for each of these products that can be on sale. What is in stock and what it costs is what it is now; `next_at`
# is the next moment that changes by the clock alone. The price is the rule of app/catalog/prices.py, held by a test.
BUILD = """
CREATE FUNCTION search_build(ids bigint[]) RETURNS TABLE (
    product_id bigint, category_id bigint, name text, slug text, image jsonb, swatches text[], colours int,
    published_at timestamptz, next_at timestamptz, is_listed boolean, in_stock boolean,
    featured_key bigint, newest_key bigint, price_minor bigint, sold bigint, words tsvector, codes bigint[], said text)
LANGUAGE sql STABLE ROWS 1000 AS $$
WITH wanted AS MATERIALIZED (
    SELECT p.id, p.name, p.slug, p.description, p.brand_id, p.category_id, p.published_at, p.is_featured, p.tags
    FROM products p WHERE p.id = ANY(ids) AND p.status = 'active' AND p.published_at IS NOT NULL
), offers AS MATERIALIZED (
    SELECT v.id, v.product_id, v.options_text,
        v.sale_minor IS NOT NULL AND (v.sale_starts_at IS NULL OR v.sale_starts_at <= now())
            AND (v.sale_ends_at IS NULL OR v.sale_ends_at > now()) AS on_sale,
        v.price_minor, v.sale_minor, v.compare_at_minor,
        least(CASE WHEN v.sale_minor IS NOT NULL AND v.sale_starts_at > now() THEN v.sale_starts_at END,
              CASE WHEN v.sale_minor IS NOT NULL AND v.sale_ends_at > now() THEN v.sale_ends_at END) AS next_at,
        coalesce(s.on_hand - s.reserved + s.backorder_limit, 0) > 0 AS in_stock
    FROM wanted w JOIN variants v ON v.product_id = w.id AND v.is_active
    LEFT JOIN stock_items s ON s.variant_id = v.id
), chosen AS MATERIALIZED (
    SELECT o.product_id, o.id AS variant_id, o.in_stock, value.id, value.option_id, value.swatch, value.position
    FROM offers o JOIN variant_values link ON link.variant_id = o.id
    JOIN option_values value ON value.id = link.option_value_id
), facts AS MATERIALIZED (
    SELECT w.id AS product_id, fact.id, fact.name FROM wanted w
    JOIN product_attributes link ON link.product_id = w.id
    JOIN attribute_values fact ON fact.id = link.attribute_value_id
), offer AS (
    SELECT product_id, bool_or(in_stock) AS in_stock, min(next_at) AS next_at,
        min(CASE WHEN on_sale THEN sale_minor ELSE price_minor END) AS price_minor,
        bool_or(on_sale OR compare_at_minor IS NOT NULL) AS is_reduced,
        string_agg(DISTINCT options_text, ' ') AS options
    FROM offers GROUP BY product_id
), colour AS (
    SELECT product_id, count(*)::int AS colours, (array_agg(swatch ORDER BY position, id))[1:4] AS swatches
    FROM (SELECT DISTINCT product_id, id, swatch, position FROM chosen WHERE swatch <> '') shown GROUP BY product_id
), shelf AS (
    SELECT leaf.id, string_agg(above.name, ' ' ORDER BY nlevel(above.path)) AS names
    FROM categories leaf JOIN categories above ON above.path @> leaf.path
    WHERE leaf.id IN (SELECT category_id FROM wanted) GROUP BY leaf.id
), said AS (
    SELECT w.id, coalesce(b.name, '') AS brand,
        concat_ws(' ', shelf.names, offer.options, array_to_string(w.tags, ' '), fact.names) AS rest
    FROM wanted w JOIN offer ON offer.product_id = w.id
    LEFT JOIN (SELECT product_id, string_agg(name, ' ' ORDER BY id) AS names FROM facts GROUP BY product_id) fact
        ON fact.product_id = w.id
    LEFT JOIN shelf ON shelf.id = w.category_id LEFT JOIN brands b ON b.id = w.brand_id
), coded AS (
    SELECT product_id, array_agg(code ORDER BY code) AS codes FROM (
        SELECT w.id AS product_id, search_code(1, step::bigint) AS code
        FROM wanted w JOIN categories c ON c.id = w.category_id
        CROSS JOIN string_to_array(c.path::text, '.') steps CROSS JOIN unnest(steps) step
        UNION ALL SELECT id, search_code(2, brand_id) FROM wanted WHERE brand_id IS NOT NULL
        UNION SELECT product_id, search_code(3, id) FROM chosen
        UNION SELECT one.product_id, search_pair(4, one.id, other.id)
            FROM chosen one JOIN chosen other ON other.variant_id = one.variant_id AND other.id > one.id
        UNION SELECT product_id, search_code(5, id) FROM chosen WHERE in_stock
        UNION SELECT one.product_id, search_pair(6, one.id, other.id)
            FROM chosen one JOIN chosen other ON other.variant_id = one.variant_id AND other.id > one.id
            WHERE one.in_stock
        UNION ALL SELECT product_id, search_code(7, id) FROM facts
        UNION SELECT w.id, search_tag(tag) FROM wanted w CROSS JOIN unnest(w.tags) tag
        UNION ALL SELECT product_id, search_code(9, search_price_step(price_minor)) FROM offer
        UNION ALL SELECT product_id, search_code(10, 1) FROM offer WHERE in_stock
        UNION ALL SELECT product_id, search_code(11, 1) FROM offer WHERE is_reduced
        UNION ALL SELECT id, search_code(12, 1) FROM wanted WHERE is_featured
        UNION ALL SELECT id, search_code(13, category_id) FROM wanted
    ) every GROUP BY product_id
)
SELECT w.id, w.category_id, w.name, w.slug,
    (SELECT jsonb_build_object('key', i.key, 'widths', i.widths, 'alt', i.alt, 'formats', i.formats)
     FROM images i WHERE i.product_id = w.id ORDER BY i.position, i.id LIMIT 1),
    coalesce(colour.swatches, '{}'), coalesce(colour.colours, 0),
    w.published_at, least(CASE WHEN w.published_at > clock_timestamp() + interval '1 second' THEN w.published_at END, offer.next_at),
    -- Not now(), which is when the transaction began: what it publishes is counted at once.
    w.published_at <= clock_timestamp() + interval '1 second', offer.in_stock,
    (w.is_featured::int::bigint << 60) + extract(epoch FROM w.published_at)::bigint,
    extract(epoch FROM w.published_at)::bigint, offer.price_minor, coalesce(s.sold, 0),
    setweight(to_tsvector('shop', w.name), 'A') || setweight(to_tsvector('shop', said.brand), 'B')
        || setweight(to_tsvector('shop', said.rest), 'C') || setweight(to_tsvector('shop', w.description), 'D'),
    coded.codes, concat_ws(' ', w.name, said.brand, said.rest)
FROM wanted w JOIN offer ON offer.product_id = w.id JOIN said ON said.id = w.id JOIN coded ON coded.product_id = w.id
LEFT JOIN colour ON colour.product_id = w.id LEFT JOIN search_sold s ON s.product_id = w.id
$$;

CREATE FUNCTION search_words_of(said text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT lexeme FROM unnest(to_tsvector('shop_plain', said))
    WHERE length(lexeme) BETWEEN 2 AND 40 AND lexeme !~ '^[0-9.,-]+$'
$$;

-- The word itself, and the word with each one letter left out; nothing for words that are short or have digits.
CREATE FUNCTION search_without_a_letter(word text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT left(word, at - 1) || substr(word, at + 1) FROM generate_series(1, length(word) + 1) at
    WHERE length(word) BETWEEN 4 AND 24 AND word !~ '[0-9]'
$$;

-- Which counts a document is part of: of the whole shop (0) and of every category it stands in, one for each code.
CREATE FUNCTION search_counted(codes bigint[]) RETURNS TABLE (category_id bigint, code bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT shelf.id, code FROM (
        SELECT 0::bigint AS id UNION ALL
        SELECT code - (1::bigint << 56) FROM unnest(codes) code WHERE code >> 56 = 1
    ) shelf CROSS JOIN (
        SELECT code FROM unnest(codes) code WHERE code >> 56 IN (1, 2, 3, 7) UNION ALL SELECT 0
    ) each
$$;
"""

WRITE = """
-- Bring the documents of these products up to what the catalogue says now, with all that is counted from them.
CREATE FUNCTION search_write(ids bigint[], in_turn boolean DEFAULT true) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever writes a product's document takes turns, and looks at the catalogue only when it is their turn. Only a
    -- rebuild does not: it holds the whole table, and whoever waits for that has locked the product already.
    IF in_turn THEN PERFORM FROM products WHERE id = ANY(ids) ORDER BY id FOR NO KEY UPDATE; END IF;
    WITH fresh AS MATERIALIZED (
        SELECT * FROM search_build(ids)
    ), was AS MATERIALIZED (
        SELECT product_id, codes, in_stock, is_listed FROM search_documents WHERE product_id = ANY(ids)
    ), gone AS (
        DELETE FROM search_documents d WHERE d.product_id = ANY(ids)
            AND NOT EXISTS (SELECT FROM fresh f WHERE f.product_id = d.product_id)
    ), gone_too AS (
        DELETE FROM search_sample d WHERE d.product_id = ANY(ids)
            AND NOT EXISTS (SELECT FROM fresh f WHERE f.product_id = d.product_id)
    ), kept AS (
        INSERT INTO search_documents ({columns}) SELECT {columns} FROM fresh
        ON CONFLICT (product_id) DO UPDATE SET {changes}
    ), sampled AS (
        INSERT INTO search_sample ({sampled}) SELECT {sampled} FROM fresh WHERE search_is_sampled(product_id)
        ON CONFLICT (product_id) DO UPDATE SET {sampled_changes}
    ), change AS (
        SELECT c.category_id, c.code, sum(d.n) AS n, sum(CASE WHEN d.in_stock THEN d.n ELSE 0 END) AS in_stock
        FROM (SELECT codes, in_stock, 1 AS n FROM fresh WHERE is_listed
              UNION ALL SELECT codes, in_stock, -1 FROM was WHERE is_listed) d
        CROSS JOIN search_counted(d.codes) c
        GROUP BY c.category_id, c.code
        HAVING sum(d.n) <> 0 OR sum(CASE WHEN d.in_stock THEN d.n ELSE 0 END) <> 0
        ORDER BY c.category_id, c.code
    ), counted AS (
        INSERT INTO search_facets AS f (category_id, code, n, in_stock) SELECT * FROM change
        ON CONFLICT (category_id, code) DO UPDATE SET n = f.n + excluded.n, in_stock = f.in_stock + excluded.in_stock
    ), learned AS (
        INSERT INTO search_words (word, n)
        SELECT DISTINCT used, 1 FROM fresh CROSS JOIN search_words_of(fresh.said) used
        WHERE NOT EXISTS (SELECT FROM search_words known WHERE known.word = used) ORDER BY used
        ON CONFLICT (word) DO NOTHING RETURNING word
    )
    INSERT INTO search_deletions (rest, word)
    SELECT rest, word FROM learned CROSS JOIN search_without_a_letter(word) rest ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
END $$;

-- Staff changed something: the document is written when their transaction commits, once for each product.
CREATE FUNCTION search_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('shop.search', true) = 'off' THEN RETURN NULL; END IF;
    EXECUTE format(
        'INSERT INTO search_edits (product_id) SELECT DISTINCT %s ON CONFLICT DO NOTHING',
        replace(TG_ARGV[0], 'rows', CASE TG_OP
            WHEN 'INSERT' THEN 'fresh' WHEN 'DELETE' THEN 'was'
            ELSE '(SELECT * FROM was UNION ALL SELECT * FROM fresh) ' END));
    RETURN NULL;
END $$;

CREATE FUNCTION search_write_noted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE ids bigint[];
BEGIN
    WITH mine AS (
        UPDATE search_edits SET is_written = true
        WHERE xid = NEW.xid AND NOT is_written RETURNING product_id
    )
    SELECT array_agg(product_id ORDER BY product_id) INTO ids FROM mine;
    IF ids IS NOT NULL THEN PERFORM search_write(ids); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER write_documents AFTER INSERT ON search_edits
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT NEW.is_written) EXECUTE FUNCTION search_write_noted();

-- A sale writes no document. Only a variant that is sold out now, or is back, is noted for the worker.
CREATE FUNCTION search_note_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('shop.search', true) = 'off' THEN RETURN NULL; END IF;
    INSERT INTO search_stale (product_id) SELECT product_id FROM variants WHERE id = NEW.variant_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_search AFTER INSERT ON stock_items FOR EACH ROW
    WHEN (NEW.on_hand - NEW.reserved + NEW.backorder_limit > 0) EXECUTE FUNCTION search_note_stock();
CREATE TRIGGER note_search_flip AFTER UPDATE ON stock_items FOR EACH ROW
    WHEN ((OLD.on_hand - OLD.reserved + OLD.backorder_limit > 0)
          IS DISTINCT FROM (NEW.on_hand - NEW.reserved + NEW.backorder_limit > 0))
    EXECUTE FUNCTION search_note_stock();

-- What is said of many products at once is rewritten by the worker, in parts. Until a moved category is done, listings
-- look for the own category of each product instead of those above it (search_scope), so nothing is missing meanwhile.
CREATE FUNCTION search_note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM products WHERE category_id = NEW.id) THEN
        INSERT INTO search_moves (category_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
        INSERT INTO outbox (topic, payload)
        VALUES ('search.rewrite', jsonb_build_object('kind', 'move', 'row_id', NEW.id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_search_move AFTER UPDATE OF path ON categories FOR EACH ROW
    WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION search_note_move();

CREATE FUNCTION search_note_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (topic, payload)
    VALUES ('search.rewrite', jsonb_build_object('kind', TG_ARGV[0], 'row_id', NEW.id));
    RETURN NULL;
END $$;

CREATE FUNCTION search_scope(category bigint) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM search_moves)
        THEN ARRAY(SELECT search_code(13, below.id) FROM categories self JOIN categories below ON below.path <@ self.path
                   WHERE self.id = category)
        ELSE ARRAY[search_code(1, category)] END
$$;
"""

FILL = """
-- Everything that is counted from the documents of the tables with this suffix.
CREATE FUNCTION search_fill(suffix text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO search_sample%1$s ({sampled}) SELECT {sampled} FROM search_documents%1$s
        WHERE search_is_sampled(product_id) ORDER BY hashint8(product_id), product_id', suffix);
    EXECUTE format('
        INSERT INTO search_facets%1$s (category_id, code, n, in_stock)
        SELECT shelf.id, leaf.code, sum(leaf.n), sum(leaf.in_stock)
        FROM (
            SELECT category_id, code, count(*) AS n, count(*) FILTER (WHERE in_stock) AS in_stock
            FROM search_documents%1$s CROSS JOIN unnest(codes || 0::bigint) code
            WHERE is_listed AND code >> 56 IN (0, 1, 2, 3, 7) GROUP BY category_id, code
        ) leaf JOIN categories c ON c.id = leaf.category_id
        CROSS JOIN LATERAL (SELECT step::bigint AS id FROM unnest(string_to_array(c.path::text || ''.0'', ''.'')) step
        ) shelf GROUP BY shelf.id, leaf.code', suffix);
    EXECUTE format('
        INSERT INTO search_words%1$s (word, n)
        SELECT word, sum(n) FROM (
            SELECT word, ndoc AS n FROM ts_stat(''SELECT to_tsvector(''''shop_plain'''', name) FROM search_documents%1$s'')
            UNION ALL SELECT word, f.n FROM brands b
                JOIN search_facets%1$s f ON f.category_id = 0 AND f.code = search_code(2, b.id), search_words_of(b.name) word
            UNION ALL SELECT word, f.n FROM categories c
                JOIN search_facets%1$s f ON f.category_id = 0 AND f.code = search_code(1, c.id), search_words_of(c.name) word
            UNION ALL SELECT word, f.n FROM option_values o
                JOIN search_facets%1$s f ON f.category_id = 0 AND f.code = search_code(3, o.id), search_words_of(o.name) word
            UNION ALL SELECT word, f.n FROM attribute_values a
                JOIN search_facets%1$s f ON f.category_id = 0 AND f.code = search_code(7, a.id), search_words_of(a.name) word
            UNION ALL SELECT word, 1 FROM (SELECT DISTINCT tag FROM products, unnest(tags) tag) t, search_words_of(tag) word
        ) said WHERE length(word) BETWEEN 2 AND 40 AND word !~ ''^[0-9.,-]+$'' GROUP BY word', suffix);
    EXECUTE format('
        INSERT INTO search_deletions%1$s (rest, word)
        SELECT rest, word FROM search_words%1$s, search_without_a_letter(word) rest', suffix);
END $$;

-- How often each product was sold, from the ledger; `since` is the last line that was counted before.
CREATE FUNCTION search_count_sales(since bigint, until bigint) RETURNS bigint[] LANGUAGE sql AS $$
    WITH counted AS (
        INSERT INTO search_sold AS s (product_id, sold)
        SELECT v.product_id, -sum(m.on_hand_change)
        FROM stock_movements m JOIN variants v ON v.id = m.variant_id
        WHERE m.id > since AND m.id <= until AND m.reason = 'sale' GROUP BY v.product_id ORDER BY v.product_id
        ON CONFLICT (product_id) DO UPDATE SET sold = s.sold + excluded.sold RETURNING product_id
    )
    SELECT array_agg(product_id) FROM counted
$$;

-- The words of a search as PostgreSQL asks for them: each word with its synonyms, and the last one as a beginning too.
CREATE FUNCTION search_query(typed text[], is_exact boolean) RETURNS tsquery LANGUAGE plpgsql STABLE AS $$
DECLARE
    asked tsquery; part tsquery; also tsquery; other text; place int := 1; size int; said text; last int := cardinality(typed);
BEGIN
    typed := ARRAY(SELECT unaccent(lower(word)) FROM unnest(typed) WITH ORDINALITY t (word, n) ORDER BY n);
    WHILE place <= last LOOP
        part := NULL;
        FOR size IN REVERSE least(3, last - place + 1)..1 LOOP
            said := array_to_string(typed[place:place + size - 1], ' ');
            FOR other IN SELECT s.also FROM search_synonyms s WHERE s.phrase = said ORDER BY s.also LOOP
                also := phraseto_tsquery('shop', other);
                part := CASE WHEN part IS NULL THEN plainto_tsquery('shop', said) || also ELSE part || also END;
            END LOOP;
            EXIT WHEN part IS NOT NULL;
        END LOOP;
        IF part IS NULL THEN
            size := 1;
            part := plainto_tsquery('shop', typed[place]);
        END IF;
        IF place + size > last AND NOT is_exact THEN
            FOR other IN
                SELECT w.word FROM search_words w
                WHERE w.word >= typed[last] AND w.word < typed[last] || chr(1114111) AND length(typed[last]) > 1
                ORDER BY w.n DESC, w.word LIMIT 10
            LOOP
                part := part || plainto_tsquery('shop', other);
            END LOOP;
        END IF;
        IF numnode(part) > 0 THEN
            asked := CASE WHEN asked IS NULL THEN part ELSE asked && part END;
        END IF;
        place := place + size;
    END LOOP;
    RETURN asked;
END $$;
"""

TABLES = {
    "products": "changed.id FROM rows changed",
    "variants": "changed.product_id FROM rows changed",
    "images": "changed.product_id FROM rows changed",
    "product_attributes": "changed.product_id FROM rows changed",
    "variant_values": "v.product_id FROM rows changed JOIN variants v ON v.id = changed.variant_id",
}
EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS fresh",
    "UPDATE": "REFERENCING OLD TABLE AS was NEW TABLE AS fresh",
    "DELETE": "REFERENCING OLD TABLE AS was",
}
NAMED = {"categories": "category", "brands": "brand", "option_values": "option_value", "attribute_values": "attribute_value"}

COLUMNS = (
    *("product_id", "category_id", "name", "slug", "image", "swatches", "colours", "published_at", "next_at", "is_listed"),
    *("in_stock", "featured_key", "newest_key", "price_minor", "sold", "words", "codes"),
)
SAMPLED = ("product_id", "published_at", "in_stock", "price_minor", "words", "codes")
KEYS = ("featured_key", "newest_key", "price_minor", "sold")


def upgrade() -> None:
    _tables()
    op.execute(TEXT)
    op.execute(CODES)
    op.execute(BUILD)
    op.execute(FILL.format(sampled=", ".join(SAMPLED)))
    _fill()
    _indexes()
    op.execute(
        WRITE.format(
            columns=", ".join(COLUMNS),
            changes=", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:]),
            sampled=", ".join(SAMPLED),
            sampled_changes=", ".join(f"{name} = excluded.{name}" for name in SAMPLED[1:]),
        )
    )
    for table, ids in TABLES.items():
        for event, tables in EVENTS.items():
            op.execute(
                f"CREATE TRIGGER note_search_{event.lower()} AFTER {event} ON {table} {tables} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION search_note('{ids}')"
            )
    for table, kind in NAMED.items():
        op.execute(
            f"CREATE TRIGGER note_search_name AFTER UPDATE OF name ON {table} FOR EACH ROW "
            f"WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION search_note_name('{kind}')"
        )


def _fill() -> None:
    """A shop that sells already is found from its first page on: 1,000,000 products take a few minutes, once."""
    connection = op.get_bind()
    until = connection.scalar(sa.text("SELECT coalesce(max(id), 0) FROM stock_movements"))
    connection.execute(sa.text("SELECT search_count_sales(0, :until)"), {"until": until})
    connection.execute(sa.text("INSERT INTO search_state (name, number) VALUES ('movement', :until)"), {"until": until})
    after = 0
    columns = ", ".join(COLUMNS)
    part = sa.text("SELECT array_agg(id) FROM (SELECT id FROM products WHERE id > :after ORDER BY id LIMIT 20000) p")
    write = sa.text(f"INSERT INTO search_documents ({columns}) SELECT {columns} FROM search_build(:ids)")
    while ids := connection.scalar(part, {"after": after}):
        connection.execute(write, {"ids": ids})
        after = ids[-1]
    connection.execute(sa.text("SELECT search_fill('')"))


def _indexes() -> None:
    gin = {"postgresql_using": "gin", "postgresql_with": {"fastupdate": "off"}}
    op.create_index("ix_search_documents_find", "search_documents", ["words", "codes"], **gin)
    op.create_index("ix_search_sample_find", "search_sample", ["words", "codes"], **gin)
    for key in KEYS:
        op.create_index(f"ix_search_documents_{key}", "search_documents", ["in_stock", key, "product_id"])
        op.create_index(
            f"ix_search_documents_shelf_{key}", "search_documents", ["category_id", "in_stock", key, "product_id"]
        )
    op.create_index(
        "ix_search_documents_next_at", "search_documents", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL")
    )
    op.create_check_constraint(op.f("ck_option_values_id_fits_a_code"), "option_values", "id < 268435456")


def _tables() -> None:
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    now = sa.text("now()")
    op.create_table(
        "search_documents",
        sa.Column("product_id", big, autoincrement=False, nullable=False),
        sa.Column("category_id", big, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("image", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("swatches", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("colours", sa.Integer(), nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("featured_key", big, nullable=False),
        sa.Column("newest_key", big, nullable=False),
        sa.Column("price_minor", big, nullable=False),
        sa.Column("sold", big, nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("codes", postgresql.ARRAY(big), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_search_documents")),
    )
    op.create_table(
        "search_sample",
        sa.Column("product_id", big, autoincrement=False, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("in_stock", sa.Boolean(), nullable=False),
        sa.Column("price_minor", big, nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("codes", postgresql.ARRAY(big), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_search_sample")),
    )
    op.create_table(
        "search_facets",
        sa.Column("category_id", big, autoincrement=False, nullable=False),
        sa.Column("code", big, autoincrement=False, nullable=False),
        sa.Column("n", big, nullable=False),
        sa.Column("in_stock", big, nullable=False),
        sa.PrimaryKeyConstraint("category_id", "code", name=op.f("pk_search_facets")),
    )
    op.create_table(
        "search_words",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.Column("n", big, nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    op.create_table(
        "search_deletions",
        sa.Column("rest", sa.Text(collation="C"), nullable=False),
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("rest", "word", name=op.f("pk_search_deletions")),
    )
    op.create_table(
        "search_sold",
        sa.Column("product_id", big, autoincrement=False, nullable=False),
        sa.Column("sold", big, nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_search_sold")),
    )
    op.create_table(
        "search_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", big, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_search_state")),
    )
    op.create_table(
        "search_edits",
        sa.Column("xid", big, server_default=sa.text("pg_current_xact_id()::text::bigint"), nullable=False),
        sa.Column("product_id", big, autoincrement=False, nullable=False),
        sa.Column("is_written", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", moment, server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("xid", "product_id", name=op.f("pk_search_edits")),
    )
    op.create_table(
        "search_stale",
        sa.Column("product_id", big, nullable=False),
        sa.Column("id", big, sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_stale")),
    )
    op.create_table(
        "search_moves",
        sa.Column("category_id", big, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("category_id", name=op.f("pk_search_moves")),
    )
    op.create_table(
        "search_synonyms",
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("also", sa.Text(), nullable=False),
        sa.Column("created_at", moment, server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("phrase", "also", name=op.f("pk_search_synonyms")),
    )
    op.create_table(
        "search_misses",
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("searched", big, server_default="1", nullable=False),
        sa.Column("last_at", moment, server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("words", name=op.f("pk_search_misses")),
    )


DROPPED = (
    *("search_query(text[], boolean)", "search_count_sales(bigint, bigint)", "search_fill(text)", "search_scope(bigint)"),
    *("search_note() CASCADE", "search_note_stock() CASCADE", "search_note_move() CASCADE", "search_note_name() CASCADE"),
    *("search_write_noted() CASCADE", "search_write(bigint[], boolean)", "search_counted(bigint[])"),
    *("search_without_a_letter(text)", "search_words_of(text)", "search_build(bigint[])", "search_is_sampled(bigint)"),
    *("search_price_step(bigint)", "search_tag(text)", "search_pair(int, bigint, bigint)", "search_code(int, bigint)"),
)


def downgrade() -> None:
    for function in DROPPED:
        op.execute(f"DROP FUNCTION {function}")
    for table in (
        *("search_misses", "search_synonyms", "search_moves", "search_stale", "search_edits", "search_state"),
        *("search_sold", "search_deletions", "search_words", "search_facets", "search_sample", "search_documents"),
    ):
        op.drop_table(table)
    op.execute("DROP TEXT SEARCH CONFIGURATION shop_plain")
    op.execute("DROP TEXT SEARCH CONFIGURATION shop")
    op.drop_constraint(op.f("ck_option_values_id_fits_a_code"), "option_values", type_="check")
