"""The demo catalogue as plain data: `load()` reads catalogue.toml and works out variants, stock and pictures.

It knows nothing of the shop. What a seeding service gets:

    Catalogue   brands, categories, colours, sizes, products, hero and feature (the two wide pictures of the home page)
    Brand       slug, name, description
    Category    slug, name, description, parent (slug or None), picture (a file stem or None); parents come first
    Value       code, name, swatch ("#66764f", or "" for a size): a value of the option `colour` or `size`, in order
    Product     slug, name, brand, category (slugs), description (paragraphs parted by a blank line),
                details ([{"title", "lines"}]), is_featured, is_new, variants, pictures (in gallery order)
    Variant     sku, price and compare_at (hundredths of a unit of money, compare_at may be None), stock (pieces),
                weight (grams), options ({"colour": code, "size": code}), picture (a file stem)
    Picture     file (a stem), alt, colour (code)

A stem names four files in pictures/: `<stem>-240.webp`, `-400`, `-800` and `-1200`, each 4:5 (hero 6:5, feature 3:2).
They are ready to be put into storage as they are. Prices suit a currency like the dollar; for another one the
caller scales them. Nothing here is random: the same catalogue comes out every time.
"""

import tomllib
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
WIDTHS = (240, 400, 800, 1200)
SIZE_OF = {
    "hero": (1200, 1000),
    "room": (1200, 800),
}  # in pixels at full width; every other picture is PORTRAIT
PORTRAIT = (1200, 1500)


@dataclass(frozen=True)
class Brand:
    slug: str
    name: str
    description: str


@dataclass(frozen=True)
class Category:
    slug: str
    name: str
    description: str
    parent: str | None
    picture: str | None


@dataclass(frozen=True)
class Value:
    code: str
    name: str
    swatch: str = ""


@dataclass(frozen=True)
class Picture:
    """`shape`, `backdrop` and `crop` are for the tool that draws it."""

    file: str
    alt: str
    colour: str
    shape: str
    backdrop: str
    crop: str | None = None


@dataclass(frozen=True)
class Variant:
    sku: str
    price: int
    compare_at: int | None
    stock: int
    weight: int
    options: dict[str, str]
    picture: str


@dataclass(frozen=True)
class Product:
    slug: str
    name: str
    brand: str
    category: str
    description: str
    details: list[dict[str, Any]]
    is_featured: bool
    is_new: bool
    variants: list[Variant]
    pictures: list[Picture]


@dataclass(frozen=True)
class WidePicture:
    """A picture of the home page with the words beside it."""

    file: str
    alt: str
    title: str
    text: str
    action: str
    category: str


@dataclass(frozen=True)
class Catalogue:
    brands: list[Brand]
    categories: list[Category]
    colours: dict[str, Value]
    sizes: dict[str, Value]
    products: list[Product]
    hero: WidePicture
    feature: WidePicture


def load() -> Catalogue:
    """The whole demo catalogue."""
    raw = tomllib.loads((HERE / "catalogue.toml").read_text(encoding="utf-8"))
    colours = {code: Value(code, name, swatch) for code, (name, swatch) in raw["colours"].items()}
    sizes = {code: Value(code, name) for code, name in raw["sizes"].items()}
    return Catalogue(
        brands=[Brand(**brand) for brand in raw["brands"]],
        categories=_categories(raw["categories"], None),
        colours=colours,
        sizes=sizes,
        products=[_product(it, colours, sizes) for it in raw["products"]],
        hero=WidePicture(**raw["hero"]),
        feature=WidePicture(**raw["feature"]),
    )


def stem_files(stem: str) -> dict[int, Path]:
    """The files of a picture by their width in pixels."""
    return {width: PICTURES / f"{stem}-{width}.webp" for width in WIDTHS}


def _categories(rows: list[dict[str, Any]], parent: str | None) -> list[Category]:
    found = []
    for row in rows:
        found.append(Category(row["slug"], row["name"], row.get("description", ""), parent, row.get("picture")))
        found += _categories(row.get("children", []), row["slug"])
    return found


def _product(raw: dict[str, Any], colours: dict[str, Value], sizes: dict[str, Value]) -> Product:
    slug = _slug(raw["name"])
    return Product(
        slug=slug,
        name=raw["name"],
        brand=raw["brand"],
        category=raw["category"],
        description=raw["description"],
        details=[{"title": title, "lines": lines} for title, *lines in raw["details"]],
        is_featured=raw.get("featured", False),
        is_new=raw.get("new", False),
        variants=_variants(raw, slug, sizes),
        pictures=_pictures(raw, slug, colours),
    )


def _variants(raw: dict[str, Any], slug: str, sizes: dict[str, Value]) -> list[Variant]:
    left, extra, was = raw.get("left", {}), raw.get("extra", {}), raw.get("was")
    found = []
    for colour in raw["colours"]:
        for size in raw.get("sizes", [None]):
            options = {"colour": colour} | ({"size": size} if size else {})
            parts = [raw["sku"], colour] + ([sizes[size].name] if size else [])
            sku = "-".join(parts).upper()
            more = extra.get(size, 0)
            found.append(
                Variant(
                    sku=sku,
                    price=raw["price"] + more,
                    compare_at=was + more if was else None,
                    stock=left.get(sku, 8 + zlib.crc32(sku.encode()) % 40),
                    weight=raw["weight"],
                    options=options,
                    picture=f"{slug}-{colour}",
                )
            )
    return found


def _pictures(raw: dict[str, Any], slug: str, colours: dict[str, Value]) -> list[Picture]:
    fronts = [
        Picture(f"{slug}-{code}", f"{raw['name']} in {colours[code].name.lower()}", code, raw["shape"], backdrop)
        for code, backdrop in raw["colours"].items()
    ]
    views = [
        Picture(
            file=f"{slug}-{view['colour']}-{view['name']}",
            alt=view["alt"],
            colour=view["colour"],
            shape=view.get("shape", raw["shape"]),
            backdrop=raw["colours"][view["colour"]],
            crop=view.get("crop"),
        )
        for view in raw.get("views", [])
    ]
    return fronts + views


def _slug(name: str) -> str:
    """Letters, digits and hyphens, as in an address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in plain.replace("'", "")).split())
