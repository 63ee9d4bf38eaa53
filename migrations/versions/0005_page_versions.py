"""Whoever changes what pages show says so, in the same transaction: with a NOTIFY that names the pages."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A notice is "<transaction> <tag> <tag> …" on the channel "pages". After MOST tags a transaction says "*", everything,
# and then no more, so that an import of 100,000 rows costs its readers one notice.
SAY = """
CREATE FUNCTION pages_say(tags text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told int := coalesce(nullif(current_setting('sokoni.pages_told', true), ''), '0')::int;
BEGIN
    IF told < 0 OR coalesce(cardinality(tags), 0) = 0 THEN
        RETURN;
    END IF;
    told := told + cardinality(tags);
    IF told > 100 OR '*' = ANY (tags) THEN
        tags := ARRAY['*'];
        told := -1;
    END IF;
    PERFORM set_config('sokoni.pages_told', told::text, true);
    PERFORM pg_notify('pages', pg_current_xact_id()::text || ' ' || array_to_string(tags, ' '));
END $$
"""

# Products with the lists they may stand in: their categories up to the root, their brands, and any list of products.
SAY_PRODUCTS = """
CREATE FUNCTION pages_say_products(products bigint[], categories bigint[], brands bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sokoni.pages_told', true) = '-1' OR coalesce(cardinality(products), 0) = 0 THEN
        RETURN;
    END IF;
    IF cardinality(products) > 100 THEN
        PERFORM pages_say(ARRAY['*']);
        RETURN;
    END IF;
    PERFORM pages_say(array_agg(tag)) FROM (
        SELECT 'products' AS tag
        UNION SELECT 'product:' || id FROM unnest(products) AS id
        UNION SELECT 'category:' || step
        FROM categories c, regexp_split_to_table(c.path::text, '\\.') AS step WHERE c.id = ANY (categories)
        UNION SELECT 'brand:' || id FROM unnest(brands) AS id WHERE id IS NOT NULL
    ) AS said;
END $$
"""

# For products themselves: where they stood before, and where they stand now.
PRODUCT_ROWS = """
CREATE FUNCTION pages_product_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    p bigint[]; c bigint[]; b bigint[];
    p2 bigint[]; c2 bigint[]; b2 bigint[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT array_agg(id), array_agg(DISTINCT category_id), array_agg(DISTINCT brand_id) INTO p, c, b
        FROM (SELECT * FROM old_rows LIMIT 101) AS few;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT array_agg(id), array_agg(DISTINCT category_id), array_agg(DISTINCT brand_id) INTO p2, c2, b2
        FROM (SELECT * FROM new_rows LIMIT 101) AS few;
    END IF;
    PERFORM pages_say_products(p || p2, c || c2, b || b2);
    RETURN NULL;
END $$
"""

# For a table that belongs to products. Its argument is an expression over a row: the id of the product.
ROWS_OF_PRODUCTS = """
CREATE FUNCTION pages_rows_of_products() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found bigint[];
    more bigint[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format('SELECT array_agg(id) FROM (SELECT DISTINCT %s AS id FROM old_rows LIMIT 101) AS few', TG_ARGV[0])
        INTO found;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format('SELECT array_agg(id) FROM (SELECT DISTINCT %s AS id FROM new_rows LIMIT 101) AS few', TG_ARGV[0])
        INTO more;
    END IF;
    found := array_remove(found || more, NULL);
    PERFORM pages_say_products(found, array_agg(category_id), array_agg(brand_id)) FROM products WHERE id = ANY (found);
    RETURN NULL;
END $$
"""

# For a table whose rows are one tag each. Its arguments are the kind of tag, and an expression over a row: the id.
ROWS = """
CREATE FUNCTION pages_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found text[];
    more text[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format('SELECT array_agg(tag) FROM (SELECT DISTINCT %L || (%s) AS tag FROM old_rows LIMIT 101) AS few',
            TG_ARGV[0] || ':', TG_ARGV[1]) INTO found;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format('SELECT array_agg(tag) FROM (SELECT DISTINCT %L || (%s) AS tag FROM new_rows LIMIT 101) AS few',
            TG_ARGV[0] || ':', TG_ARGV[1]) INTO more;
    END IF;
    PERFORM pages_say(array_remove(found || more, NULL));
    RETURN NULL;
END $$
"""

# For a table of which any change concerns the same pages. Its arguments are their tags.
TOUCH = """
CREATE FUNCTION pages_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pages_say(TG_ARGV::text[]);
    RETURN NULL;
END $$
"""

# Stock: a page says how many are left only while they are few. Whether there are any concerns the lists too.
STOCK = """
CREATE FUNCTION pages_stock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    it products%ROWTYPE;
    had bool := false;
BEGIN
    SELECT p.* INTO it FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = NEW.variant_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        had := (OLD.on_hand - OLD.reserved > 0) = (NEW.on_hand - NEW.reserved > 0)
            AND OLD.backorder_limit = NEW.backorder_limit;
    END IF;
    IF had THEN
        PERFORM pages_say(ARRAY['product:' || it.id]);
    ELSE
        PERFORM pages_say_products(ARRAY[it.id], ARRAY[it.category_id], ARRAY[it.brand_id]);
    END IF;
    RETURN NULL;
END $$
"""

# A hold that is prolonged takes units that counted as free.
HOLDS = """
CREATE FUNCTION pages_holds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pages_say(ARRAY['product:' || product_id]) FROM variants WHERE id = NEW.variant_id;
    RETURN NULL;
END $$
"""

FUNCTIONS = {
    "pages_say(text[])": SAY,
    "pages_say_products(bigint[], bigint[], bigint[])": SAY_PRODUCTS,
    "pages_product_rows()": PRODUCT_ROWS,
    "pages_rows_of_products()": ROWS_OF_PRODUCTS,
    "pages_rows()": ROWS,
    "pages_touch()": TOUCH,
    "pages_stock()": STOCK,
    "pages_holds()": HOLDS,
}

BY_ROWS = {
    "products": "pages_product_rows()",
    "variants": "pages_rows_of_products('product_id')",
    "images": "pages_rows_of_products('product_id')",
    "product_attributes": "pages_rows_of_products('product_id')",
    "related_products": "pages_rows_of_products('product_id')",
    "variant_values": "pages_rows_of_products('(SELECT product_id FROM variants WHERE id = variant_id)')",
    "category_pins": "pages_rows('category', 'category_id')",
}
TRANSITIONS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}

# A new brand or colour is on no page until a product has it.
TOUCHED = {
    "categories": ("INSERT OR UPDATE OR DELETE OR TRUNCATE", "menu"),
    "home_panels": ("INSERT OR UPDATE OR DELETE OR TRUNCATE", "home"),
    "brands": ("UPDATE OR DELETE OR TRUNCATE", "*"),
    "options": ("UPDATE OR DELETE OR TRUNCATE", "*"),
    "option_values": ("UPDATE OR DELETE OR TRUNCATE", "*"),
    "attributes": ("UPDATE OR DELETE OR TRUNCATE", "*"),
    "attribute_values": ("UPDATE OR DELETE OR TRUNCATE", "*"),
    **dict.fromkeys([*BY_ROWS, "stock_items"], ("TRUNCATE", "*")),
}

# From here up no page says a number; staff's own threshold for "few left" is rarely above it.
MANY = 20
SHOWN = f"least({{row}}.on_hand - {{row}}.reserved, {MANY})"
STOCK_TRIGGERS = f"""
CREATE TRIGGER pages_stock AFTER UPDATE ON stock_items FOR EACH ROW
    WHEN ({SHOWN.format(row="OLD")} IS DISTINCT FROM {SHOWN.format(row="NEW")}
        OR OLD.backorder_limit IS DISTINCT FROM NEW.backorder_limit)
    EXECUTE FUNCTION pages_stock();
CREATE TRIGGER pages_new_stock AFTER INSERT ON stock_items FOR EACH ROW EXECUTE FUNCTION pages_stock();
CREATE TRIGGER pages_holds AFTER UPDATE OF expires_at ON reservations FOR EACH ROW
    WHEN (OLD.expires_at IS DISTINCT FROM NEW.expires_at) EXECUTE FUNCTION pages_holds();
"""


def upgrade() -> None:
    for body in FUNCTIONS.values():
        op.execute(body)
    for table, function in BY_ROWS.items():
        for event, rows in TRANSITIONS.items():
            op.execute(
                f"CREATE TRIGGER pages_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {function}"
            )
    for table, (events, tag) in TOUCHED.items():
        op.execute(
            f"CREATE TRIGGER pages_touch AFTER {events} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION pages_touch('{tag}')"
        )
    op.execute(STOCK_TRIGGERS)


def downgrade() -> None:
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name} CASCADE")
