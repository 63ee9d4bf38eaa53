"""The next moments at which any price changes or a product appears: no page that is kept outlives them."""

from app.lib.pagecache import changes_at

changes_at("a sale begins", "(SELECT min(sale_starts_at) FROM variants WHERE sale_starts_at > now())")
changes_at("a sale ends", "(SELECT min(sale_ends_at) FROM variants WHERE sale_ends_at > now())")
changes_at("a product appears", "(SELECT min(published_at) FROM products WHERE published_at > now())")
