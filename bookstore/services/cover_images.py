"""What was uploaded, as three WebP pictures: it may be anything, and may mean harm.

Only the worker comes here. Pillow is imported when it is needed: the web server never needs it.
"""

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

# In pixels: a whole screen, a card, a place in a list (at three device pixels a point). Each has
# the image's own proportions, and never more pixels than it.
BOXES = ((1000, 1500), (480, 720), (200, 300))
# 25 megapixels take 100 MB once decoded, and a few times that on their way.
MAX_PIXELS = 25_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 80
_ORIENTATION, _SIDEWAYS = 0x0112, {5, 6, 7, 8}
# What Pillow raises over broken files, besides its own.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)
REASONS = {
    "not_an_image": "It is no JPEG, PNG or WebP image.",
    "too_many_pixels": "It has more than 25 million pixels.",
    "damaged": "It is damaged, or only part of it has arrived.",
    "gone": "It was no longer in the store.",
    "gave_up": "It could not be worked on, several times.",
}


class BadImage(Exception):
    """It will never be a cover; ``reason`` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


def thumbnails(data: bytes) -> list[bytes]:
    """Return WebP pictures of an image, the largest first, upright, in sRGB, without metadata.

    Raises:
        BadImage: it is none, is too large, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with warnings.catch_warnings():
        # Also what Pillow would only warn of.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                # From its header: nothing is decoded yet.
                if image.width * image.height > MAX_PIXELS:
                    raise BadImage("too_many_pixels")
                picture = _upright(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise BadImage("too_many_pixels") from None
        except UnidentifiedImageError:
            raise BadImage("not_an_image") from None
        except _BROKEN:
            raise BadImage("damaged") from None
    return [_webp(picture, box) for box in BOXES]


def _upright(image: "Image") -> "Image":
    """Return the first frame, small enough for the largest box, in RGB or RGBA."""
    from PIL import Image, ImageOps

    orientation = image.getexif().get(_ORIENTATION, 1)
    width, height = BOXES[0]
    box = (height, width) if orientation in _SIDEWAYS else (width, height)
    # Of a large JPEG only as much is decoded as is needed; this does nothing for others.
    image.draft(None, (2 * box[0], 2 * box[1]))
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        # 16 bits of grey: the upper half of them.
        small = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.has_transparency_data and image.mode != "RGBA":
        small = image.convert("RGBA")
    elif image.mode in {"1", "P", "LA", "PA"}:
        small = image.convert("RGB")
    else:
        small = image  # no copy of what may be the largest there is
    small.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small = _in_srgb(small, profile)
    small.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(small)


def _in_srgb(image: "Image", profile: Any) -> "Image":
    from PIL import ImageCms

    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        try:
            found = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode=mode,
            )
            if found is not None:
                return found
        except (ImageCms.PyCMSError, *_BROKEN):
            # A profile that is broken, or of another kind of image: its colours as they are.
            pass
    return image if image.mode == mode else image.convert(mode)


def _webp(picture: "Image", box: tuple[int, int]) -> bytes:
    from PIL import Image

    small = picture.copy()
    small.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()
