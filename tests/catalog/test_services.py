import io

import pytest
from PIL import Image, ImageCms
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.catalog import services
from app.catalog.models import Brand, Category, PriceEvent, Product, Variant
from app.catalog.models import Image as ImageRow
from app.catalog.services import OptionChoice, Stale
from app.lib import runtime
from app.lib.db import session
from app.lib.errors import Invalid, NotAllowed, NotFound
from tests.catalog.goods import a_draft, a_picture, a_product, a_shelf, a_variant, money


def paths() -> dict[str, str]:
    return dict(session().execute(select(Category.name, Category.path)).all())


class TestSlugs:
    def test_two_products_of_one_name_get_two_addresses(self):
        shelf = a_shelf()

        slugs = [a_draft("Red Shoe", shelf=shelf).slug for _ in range(3)]

        assert slugs == ["red-shoe", "red-shoe-2", "red-shoe-3"]

    @pytest.mark.parametrize("name", ["Café Tür", "红鞋", "Обувь", "👟", "!!!", "ß" * 200, "نعل"])
    def test_any_name_makes_an_ascii_address(self, name):
        slug = a_draft(name).slug

        assert slug and slug.isascii() and slug == slug.lower()

    def test_a_name_that_ends_like_a_numbered_one_does_not_confuse(self):
        shelf = a_shelf()

        slugs = [a_draft(name, shelf=shelf).slug for name in ("Red shoe 2", "Red shoe", "Red shoe", "Red shoe 2")]

        assert slugs == ["red-shoe-2", "red-shoe", "red-shoe-3", "red-shoe-2-2"]

    def test_many_who_create_the_same_name_at_once_all_succeed(self, at_once):
        shelf_id = a_shelf().id

        outcomes = at_once(*[lambda: services.create_product("Red Shoe", category_id=shelf_id).slug] * 12)

        assert set(outcomes) == {"red-shoe", *(f"red-shoe-{n}" for n in range(2, 13))}

    def test_categories_and_brands_do_the_same(self, at_once):
        outcomes = at_once(
            *[lambda: services.create_category("Shoes").slug] * 4, *[lambda: services.create_brand("Acme").slug] * 4
        )

        assert set(outcomes) == {"shoes", "shoes-2", "shoes-3", "shoes-4", "acme", "acme-2", "acme-3", "acme-4"}


class TestCategories:
    def test_a_moved_branch_takes_everything_below_along(self):
        clothing, home = a_shelf("Clothing"), a_shelf("Home")
        men = a_shelf("Men", clothing)
        jackets = a_shelf("Jackets", men)
        rain = a_shelf("Rain", jackets)

        services.move_category(men.id, home.id)

        found = paths()
        assert found["Men"] == f"{home.id}.{men.id}"
        assert found["Rain"] == f"{home.id}.{men.id}.{jackets.id}.{rain.id}"

        services.move_category(jackets.id, None)

        assert paths()["Rain"] == f"{jackets.id}.{rain.id}"

    @pytest.mark.parametrize("place", ["itself", "child", "grandchild"])
    def test_no_category_stands_below_itself(self, place):
        top = a_shelf("Top")
        child = a_shelf("Child", top)
        grandchild = a_shelf("Grandchild", child)
        target = {"itself": top, "child": child, "grandchild": grandchild}[place]

        with pytest.raises(Invalid) as refused:
            services.move_category(top.id, target.id)

        assert refused.value.status == 422
        assert "below itself" in refused.value.sentence

    def test_ids_that_begin_alike_are_not_taken_for_ancestors(self):
        shelves = [a_shelf(f"Shelf {n}") for n in range(12)]

        for shelf in shelves[1:]:
            services.move_category(shelf.id, shelves[0].id)

        assert len(paths()) == 12

    def test_two_who_move_at_once_never_make_a_ring(self, at_once):
        one, two = a_shelf("One").id, a_shelf("Two").id

        outcomes = at_once(lambda: services.move_category(one, two), lambda: services.move_category(two, one))

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Invalid", "NoneType"]
        session().rollback()
        assert sorted(path.count(".") for path in paths().values()) == [0, 1]

    def test_an_unknown_parent_and_an_empty_name_are_sentences(self):
        with pytest.raises(Invalid) as unknown:
            services.create_category("Shoes", parent_id=999_999)
        with pytest.raises(Invalid) as empty:
            services.create_category("  ")

        assert (unknown.value.field, empty.value.field) == ("parent_id", "name")


class TestBrands:
    def test_a_brand_with_products_stays_and_says_how_many(self):
        brand = services.create_brand("Acme")
        shelf = a_shelf()
        for _ in range(3):
            a_draft(shelf=shelf, brand_id=brand.id)

        with pytest.raises(NotAllowed, match="3 products carry the brand “Acme”"):
            services.delete_brand(brand.id)

        assert session().get(Brand, brand.id)

    def test_a_brand_without_products_goes(self):
        brand_id = services.create_brand("Acme").id

        services.delete_brand(brand_id)

        assert session().get(Brand, brand_id) is None


class TestProducts:
    def test_what_was_typed_over_an_old_version_is_refused(self):
        product = a_draft("Jacket")
        version, values = product.version, {"category_id": product.category_id}
        services.edit_product(product.id, version=version, name="Jacket, new", **values)

        with pytest.raises(Stale) as refused:
            services.edit_product(product.id, version=version, name="Jacket, mine", **values)

        assert refused.value.status == 409
        assert session().get(Product, product.id).name == "Jacket, new"

    def test_of_two_who_save_at_once_one_is_told(self, at_once):
        product = a_draft("Jacket")
        product_id, version, category_id = product.id, product.version, product.category_id

        def save(name):
            return lambda: services.edit_product(product_id, version=version, name=name, category_id=category_id).name

        outcomes = at_once(*[save(f"Jacket {n}") for n in range(6)])

        assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 5

    def test_a_changed_name_keeps_the_address(self):
        product = a_draft("Jacket")

        services.edit_product(product.id, version=product.version, name="Coat", category_id=product.category_id)

        assert product.slug == "jacket"

    def test_nothing_to_buy_cannot_be_published(self):
        product = a_draft()
        with pytest.raises(Invalid, match="Add a variant"):
            services.publish(product.id)

        a_variant(product, is_active=False)
        with pytest.raises(Invalid, match="Add a variant"):
            services.publish(product.id)

    def test_a_product_that_comes_back_is_not_new_again(self):
        product = a_product()
        first = product.published_at
        services.archive(product.id)

        services.publish(product.id)

        assert product.published_at == first and product.is_on_sale

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("name", {"name": " "}),
            ("name", {"name": "x" * 201}),
            ("category_id", {"category_id": 999_999}),
            ("brand_id", {"brand_id": 999_999}),
            ("description", {"description": "x" * 20_001}),
        ],
    )
    def test_each_wrong_value_names_its_field(self, field, values):
        shelf = a_shelf()

        with pytest.raises(Invalid) as refused:
            services.create_product(**{"name": "Jacket", "category_id": shelf.id, **values})

        assert refused.value.field == field


class TestVariants:
    def test_the_same_options_twice_are_refused(self):
        product = a_draft()
        a_variant(product, colour="Moss", size="M")

        with pytest.raises(Invalid) as refused:
            a_variant(product, colour="moss", size="m")

        assert refused.value.field == "options"
        assert "already has a variant Moss, M" in refused.value.sentence

    def test_the_same_options_at_once_make_one_variant(self, at_once):
        product_id = a_draft().id
        options = [OptionChoice("Colour", "Moss"), OptionChoice("Size", "M")]

        outcomes = at_once(
            *[
                lambda n=n: services.add_variant(product_id, sku=f"J-{n}", price=money(100), options=options).sku
                for n in range(6)
            ]
        )

        assert sum(isinstance(outcome, Invalid) for outcome in outcomes) == 5
        session().rollback()
        assert session().scalar(select(func.count()).select_from(Variant)) == 1

    def test_new_option_values_named_at_once_exist_once(self, at_once):
        products = [a_draft(f"Jacket {n}").id for n in range(6)]
        options = [OptionChoice("Colour", "Petrol", "#3f7a78")]

        outcomes = at_once(
            *[
                lambda n=n: services.add_variant(products[n], sku=f"P-{n}", price=money(1), options=options).sku
                for n in range(6)
            ]
        )

        assert sorted(outcomes) == [f"P-{n}" for n in range(6)]
        session().rollback()
        assert session().scalar(text("SELECT count(*) FROM option_values")) == 1

    def test_a_taken_sku_is_refused_whatever_its_case(self):
        a_variant(a_draft(), sku="FCJ-1")

        with pytest.raises(Invalid) as refused:
            a_variant(a_draft(), sku="fcj-1")

        assert refused.value.field == "sku"

    def test_variants_of_a_product_differ_in_the_same_things(self):
        product = a_draft()
        a_variant(product, colour="Moss", size="M")

        with pytest.raises(Invalid, match="same options: Colour, Size"):
            a_variant(product, colour="Navy")

    def test_each_price_is_remembered(self):
        product = a_draft()
        variant = a_variant(product, sku="FCJ", price=16000)

        services.edit_variant(variant.id, sku="FCJ", price=money(12800), compare_at=money(16000), actor_id=7)
        services.edit_variant(variant.id, sku="FCJ-2", price=money(12800), actor_id=7)

        wanted = select(PriceEvent.was_minor, PriceEvent.now_minor, PriceEvent.actor_id).order_by(PriceEvent.id)
        events = session().execute(wanted)
        assert [tuple(event) for event in events] == [(None, 16000, None), (16000, 12800, 7)]

    def test_price_events_cannot_be_rewritten(self):
        a_variant(a_draft())

        with pytest.raises(IntegrityError, match="append-only"):
            session().execute(text("UPDATE price_events SET now_minor = 1"))

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("sku", {"sku": ""}),
            ("sku", {"sku": "a b"}),
            ("sku", {"sku": "X" * 41}),
            ("compare_at", {"compare_at": money(1999)}),
            ("options", {"options": [OptionChoice("Size", "x" * 61)]}),
            ("options", {"options": [OptionChoice("Size", "M"), OptionChoice("size", "L")]}),
            ("options", {"options": [OptionChoice("Colour", "Moss", "red")]}),
            ("image_id", {"image_id": 999_999}),
        ],
    )
    def test_each_wrong_value_names_its_field(self, field, values):
        product = a_draft()

        with pytest.raises(Invalid) as refused:
            services.add_variant(product.id, **{"sku": "A-1", "price": money(1999), **values})

        assert refused.value.field == field
        assert session().scalar(select(func.count()).select_from(Variant)) == 0

    def test_a_variant_with_a_history_stays(self):
        product = a_draft()
        kept, gone = a_variant(product, colour="Moss", on_hand=1), a_variant(product, colour="Navy", on_hand=0)

        services.remove_variant(gone.id)
        with pytest.raises(NotAllowed, match="history"):
            services.remove_variant(kept.id)

        assert session().scalars(select(Variant.id)).all() == [kept.id]


def _swapped(profile: bytes) -> bytes:
    """A profile in which red and blue have changed places: the names in its table of tags, that is."""
    return profile.replace(b"rXYZ", b"....", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"....", b"bXYZ", 1)


def media():
    return sorted(path.name for path in (runtime.settings().data_dir / "media").rglob("*.*"))


class TestPictures:
    @pytest.fixture(autouse=True)
    def empty_media(self):
        for path in (runtime.settings().data_dir / "media").rglob("*.*"):
            path.unlink()

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_an_upload_becomes_a_file_for_each_width_and_format(self, kind):
        product = a_draft()

        image = services.add_image(product.id, a_picture(kind), alt="  The  front ")

        assert (image.width, image.height, image.widths, image.alt) == (900, 1125, [240, 400, 800], "The front")
        assert image.formats == ["avif", "webp", "jpg"]
        assert len(media()) == 9
        for name in media():
            with Image.open(runtime.settings().data_dir / "media" / "p" / name) as file:
                width, ending = name.rpartition("-")[2].split(".")
                assert (str(file.width), file.format) == (width, {"jpg": "JPEG"}.get(ending, ending.upper()))

    def test_what_a_camera_wrote_about_its_owner_is_gone(self):
        product = a_draft()
        exif = Image.Exif()
        exif[0x010E] = "at home, 51.5 N"
        exif[0x0112] = 6  # lying on its side
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

        image = services.add_image(product.id, a_picture(size=(400, 300), exif=exif, icc_profile=profile))

        folder = runtime.settings().data_dir / "media"
        for name in media():
            content = (folder / "p" / name).read_bytes()
            assert b"at home" not in content
            with Image.open(io.BytesIO(content)) as shown:
                assert not shown.getexif() and "icc_profile" not in shown.info
        assert (image.width, image.height) == (300, 400)

    def test_colours_of_another_profile_are_turned_into_those_of_the_web(self):
        red_in_bgr = _swapped(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())

        image = services.add_image(a_draft().id, a_picture("PNG", size=(240, 300), icc_profile=red_in_bgr))

        file = runtime.settings().data_dir / "media" / f"{image.key}-240.jpg"
        red, _, blue = Image.open(file).getpixel((9, 9))
        assert (abs(red - 79) < 4, abs(blue - 102) < 4) == (True, True)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"<!doctype html><script>alert(1)</script>",
            b"GIF89a" + b"\x00" * 40,
            a_picture()[:200],
            b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
        ],
        ids=["nothing", "svg", "html", "gif", "cut short", "broken png"],
    )
    def test_what_is_no_picture_is_refused_and_leaves_nothing(self, content):
        product = a_draft()

        with pytest.raises(Invalid) as refused:
            services.add_image(product.id, content)

        assert refused.value.field == "image"
        assert media() == []
        assert session().scalar(select(func.count()).select_from(ImageRow)) == 0

    def test_a_bomb_is_refused_by_its_header(self):
        out = io.BytesIO()
        Image.new("1", (12_000, 12_000)).save(out, "PNG")

        with pytest.raises(Invalid, match="25 megapixels"):
            services.add_image(a_draft().id, out.getvalue())

    def test_files_of_a_picture_that_found_no_product_are_removed(self):
        with pytest.raises(NotFound):
            services.add_image(999_999, a_picture())

        assert media() == []

    def test_pictures_are_put_in_order_described_and_removed(self):
        product = a_draft()
        ids = [services.add_image(product.id, a_picture(size=(240, 300)), alt=n).public_id for n in "abc"]

        services.move_image(ids[2], -1)
        services.move_image(ids[0], -1)
        services.describe_image(ids[1], "the back")
        services.remove_image(ids[0])

        session().expire_all()
        assert [image.alt for image in product.images] == ["c", "the back"]
        assert len(media()) == 6

    def test_uploads_at_once_keep_their_own_places(self, at_once):
        product_id, content = a_draft().id, a_picture(size=(240, 300))

        at_once(*[lambda: services.add_image(product_id, content).id] * 5)

        session().rollback()
        assert sorted(session().scalars(select(ImageRow.position))) == [0, 1, 2, 3, 4]
