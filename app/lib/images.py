"""Pictures: checked by decoding, stripped of everything but pixels, written in the sizes pages ask for."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from app.lib.errors import Invalid

WIDTHS = (240, 400, 800, 1200)
MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 78

Image.MAX_IMAGE_PIXELS = MOST_PIXELS


@dataclass(frozen=True)
class Picture:
    """One upload: its own width and height in pixels, and the WebP bytes for each width made of it."""

    width: int
    height: int
    by_width: dict[int, bytes]


def read_picture(content: bytes) -> Picture:
    """Decode an upload and make its sizes. Raises Invalid for anything that is not a reasonable picture."""
    if len(content) > MOST_BYTES:
        raise Invalid("The picture is larger than 10 MB. Make it smaller and upload it again.", "image")
    upright = _decode(content)
    widths = [width for width in WIDTHS if width <= upright.width] or [upright.width]
    by_width: dict[int, bytes] = {}
    smaller = upright
    for width in reversed(widths):
        # Each size from the one above: a fifth less work than from the original, and no visible difference.
        smaller = _resized(smaller, width)
        by_width[width] = _webp(smaller)
    return Picture(upright.width, upright.height, dict(sorted(by_width.items())))


def _decode(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                # The header is enough to refuse a bomb before a single pixel is decoded.
                if opened.width * opened.height > MOST_PIXELS:
                    raise Invalid("The picture has more than 25 megapixels. Make it smaller.", "image")
                opened.load()
                return _plain(ImageOps.exif_transpose(opened))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombWarning):
        raise Invalid("This file is not a JPEG, PNG or WebP picture.", "image") from None
    except Image.DecompressionBombError:
        raise Invalid("The picture has more than 25 megapixels. Make it smaller.", "image") from None


def _plain(image: Image.Image) -> Image.Image:
    """Pixels only: no EXIF, no colour profile, no palette."""
    has_alpha = image.mode in ("RGBA", "LA") or "transparency" in image.info
    pixels = image.convert("RGBA" if has_alpha else "RGB")
    clean = Image.new(pixels.mode, pixels.size)
    clean.paste(pixels)
    return clean


def _resized(image: Image.Image, width: int) -> Image.Image:
    if width == image.width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=3)
    return out.getvalue()
