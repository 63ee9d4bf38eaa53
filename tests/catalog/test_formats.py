"""Pictures from before AVIF get it in the background; a page names only files that are there."""

import io
import re
from contextlib import suppress

import pytest
from PIL import Image as Pixels
from sqlalchemy import select

from app.catalog import formats
from app.catalog.gallery import add_picture
from app.catalog.models import Image
from app.lib import outbox
from app.lib.db import session, transaction
from app.lib.errors import Invalid
from app.lib.images import read_picture
from app.lib.storage import storage
from tests.catalog.goods import a_picture, a_product


@pytest.fixture
def old_product():
    """A product with five pictures as they were made before there were other formats."""
    product = a_product("Old jacket")
    small = read_picture(a_picture(size=(300, 375)), ("webp",))
    for number in range(formats.AT_ONCE + 1):
        add_picture(product.id, small, alt=f"Side {number}")
    return product


def sources(page: str) -> list[str]:
    return re.findall(r'<source type="([^"]+)"', page)


def test_older_pictures_get_every_format_a_few_at_a_time(browser, old_product, run_jobs):
    before = browser.get("/p/old-jacket").text
    with transaction():
        outbox.send("catalog.add_formats")

    assert run_jobs() == 2

    assert sources(before) == []
    after = browser.get("/p/old-jacket").text
    assert sources(after)[:2] == ["image/avif", "image/webp"]
    named = set(re.findall(r"(/media/[^ \",]+)", after))
    assert {name.rpartition(".")[2] for name in named} == {"avif", "webp", "jpg"}
    for name in named:
        assert browser.get(name).status_code == 200, name
    first = next(name for name in named if name.endswith("240.avif"))
    assert Pixels.open(io.BytesIO(browser.get(first).data)).size == (240, 300)
    with transaction():
        outbox.send("catalog.add_formats")
    assert run_jobs() == 1, "there is nothing left to do"


def test_a_picture_whose_file_is_gone_does_not_hold_up_the_others(old_product, run_jobs):
    lost = session().scalars(select(Image.key).order_by(Image.id)).first()
    session().rollback()
    storage().delete(f"{lost}-240.webp")
    with transaction():
        outbox.send("catalog.add_formats")

    run_jobs()

    made = session().execute(select(Image.key, Image.formats).order_by(Image.id)).all()
    assert [row.formats for row in made] == [["webp"], *[["webp", "avif", "jpg"]] * formats.AT_ONCE]


def test_the_first_picture_of_a_page_is_fetched_at_once_and_no_other(browser, old_product):
    page = browser.get("/p/old-jacket").text

    pictures = re.findall(r'<img src="/media[^>]+>', page)
    assert 'fetchpriority="high"' in pictures[0] and "lazy" not in pictures[0]
    assert all('loading="lazy"' in tag and "fetchpriority" not in tag for tag in pictures[1:])
    assert all(re.search(r'width="\d+" height="\d+"', tag) and "sizes=" in tag for tag in pictures)


class TestOddPictures:
    """What cameras and screens make, however odd, is a picture or a sentence."""

    def test_broken_notes_of_a_camera_are_thrown_away(self):
        out = io.BytesIO()
        notes = Pixels.Exif()
        notes[0x0112], notes[0x8825] = 6, {1: "N"}
        Pixels.new("RGB", (40, 20), "red").save(out, "JPEG", exif=notes)
        content = out.getvalue()
        begins = content.index(b"Exif")

        for place in range(begins + 6, begins + 76):
            for value in (0, 1, 0x7F, 0xFF):
                broken = content[:place] + bytes([value]) + content[place + 1 :]
                with suppress(Invalid):
                    picture = read_picture(broken, ("jpg",))
                    assert {picture.width, picture.height} == {20, 40}

    def test_a_turned_picture_stands_upright_with_its_notes_intact(self):
        out = io.BytesIO()
        notes = Pixels.Exif()
        notes[0x0112] = 6
        Pixels.new("RGB", (40, 20), "red").save(out, "JPEG", exif=notes)

        picture = read_picture(out.getvalue(), ("jpg",))

        assert (picture.width, picture.height) == (20, 40)

    @pytest.mark.parametrize(
        ("size", "told"),
        [((5100, 5000), "25 megapixels"), ((6000, 6000), "25 megapixels"), ((1, 20000), "far too high")],
    )
    def test_what_is_too_large_is_told_so(self, size, told):
        with pytest.raises(Invalid, match=told):
            read_picture(_png(size), ("webp",))

    def test_greys_of_sixteen_bits_are_as_bright_as_they_were(self):
        out = io.BytesIO()
        Pixels.new("I;16", (300, 300), 0x4080).save(out, "PNG")

        picture = read_picture(out.getvalue(), ("jpg",))

        with Pixels.open(io.BytesIO(picture.files["240.jpg"])) as made:
            assert made.convert("RGB").getpixel((100, 100)) == (64, 64, 64)

    def test_a_long_picture_comes_in_the_widths_that_fit(self):
        picture = read_picture(_png((1200, 18000)), ("webp",))

        assert picture.widths == (240, 400, 800)


def _png(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Pixels.new("L", size, 100).save(out, "PNG")
    return out.getvalue()
