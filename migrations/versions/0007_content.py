"""What staff say in the shop: front page, announcements, pages, menus, collections."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
KINDS = ("('product', 'category', 'brand')", "('product', 'category', 'brand', 'collection', 'page')")

# Which pages a change of a table concerns.
TOLD = {
    "announcements": "menu",
    "menu_links": "menu",
    "home_sections": "home",
    "pages": "pages",
    "collections": "collections",
}

# The front page as it was: hero, categories, what is new, the feature, what is featured, what is reduced. A shop
# without panels keeps the page the code begins with.
SECTIONS = """
    WITH wanted (place, kind, draft) AS (
        SELECT CASE panel.place WHEN 'hero' THEN 0 ELSE 3 END, panel.place,
               jsonb_build_object(
                   'title', title, 'text', text, 'url', url, 'action', action, 'alt', alt,
                   'picture', jsonb_strip_nulls(jsonb_build_object(
                       'key', key, 'widths', widths, 'formats', '["webp"]'::jsonb)))
        FROM home_panels panel
        UNION ALL
        SELECT * FROM (VALUES
            (1, 'tiles', '{"title": "Shop by category"}'::jsonb),
            (2, 'shelf', '{"title": "New arrivals", "is_grid": true}'::jsonb),
            (4, 'shelf', '{"title": "Popular right now", "rule": {"is_featured": true}}'::jsonb),
            (5, 'shelf', '{"title": "Reduced", "rule": {"is_reduced": true}}'::jsonb)
        ) others
        WHERE EXISTS (SELECT FROM home_panels)
    )
    INSERT INTO home_sections (kind, position, draft, live)
    SELECT kind, place, draft, draft || jsonb_build_object('position', place) FROM wanted ORDER BY place
"""

# Of each kind the first with a picture: there was room for one.
PANELS = """
    INSERT INTO home_panels (place, title, text, url, action, key, alt, widths)
    SELECT DISTINCT ON (kind) kind, live->>'title', coalesce(live->>'text', ''), coalesce(live->>'url', '/'),
        coalesce(live->>'action', ''), live->'picture'->>'key', coalesce(live->>'alt', ''), live->'picture'->'widths'
    FROM home_sections WHERE kind IN ('hero', 'feature') AND live->'picture'->>'key' IS NOT NULL
    ORDER BY kind, (live->>'position')::int, id
"""


def upgrade() -> None:
    op.create_table(
        "home_sections",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("draft", JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("live", JSONB, nullable=True),
        sa.Column("is_removed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('hero', 'feature', 'tiles', 'shelf', 'text')", name=op.f("ck_home_sections_kind_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_sections")),
    )
    op.create_table(
        "announcements",
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("url", sa.String(), server_default="", nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_published", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_announcements_starts_first")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
    )
    op.create_table(
        "pages",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), server_default="", nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("live", JSONB, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
        sa.UniqueConstraint("slug", name=op.f("uq_pages_slug")),
    )
    op.create_table(
        "menu_links",
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("place IN ('header', 'help', 'about')", name=op.f("ck_menu_links_place_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_menu_links")),
    )
    op.create_table(
        "collections",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("meta_title", sa.String(), server_default="", nullable=False),
        sa.Column("meta_description", sa.String(), server_default="", nullable=False),
        sa.Column("rule", JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_published", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
        sa.UniqueConstraint("slug", name=op.f("uq_collections_slug")),
    )
    _former_slugs(KINDS[1])
    for table, tag in TOLD.items():
        op.execute(
            f"CREATE TRIGGER pages_touch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION pages_touch('{tag}')"
        )
    op.execute(SECTIONS)
    op.drop_table("home_panels")


def downgrade() -> None:
    op.create_table(
        "home_panels",
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), server_default="", nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("alt", sa.String(), server_default="", nullable=False),
        sa.Column("widths", JSONB, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("place IN ('hero', 'feature')", name=op.f("ck_home_panels_place_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_panels")),
        sa.UniqueConstraint("key", name=op.f("uq_home_panels_key")),
        sa.UniqueConstraint("place", name=op.f("uq_home_panels_place")),
    )
    op.execute(PANELS)
    op.execute("DELETE FROM former_slugs WHERE kind IN ('collection', 'page')")
    _former_slugs(KINDS[0])
    for table in ("collections", "menu_links", "pages", "announcements", "home_sections"):
        op.drop_table(table)


def _former_slugs(kinds: str) -> None:
    op.drop_constraint(op.f("ck_former_slugs_kind_known"), "former_slugs", type_="check")
    op.create_check_constraint(op.f("ck_former_slugs_kind_known"), "former_slugs", f"kind IN {kinds}")
