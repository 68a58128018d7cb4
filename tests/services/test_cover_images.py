"""Whatever is uploaded: a cover, or a reason why not. Never a worker that is no more."""

import contextlib
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from bookstore.services import cover_images
from bookstore.services.cover_images import BOXES, BadImage, thumbnails
from tests.pictures import decoded, encoded, picture, png_bomb, png_chunk

ROOT = Path(__file__).parents[2]


def reason(data: bytes) -> str:
    with pytest.raises(BadImage) as refused:
        thumbnails(data)
    assert refused.value.reason in cover_images.REASONS
    return refused.value.reason


def near(pixel: object, wanted: tuple[int, ...]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 40 for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_sizes(kind: str) -> None:
    found = [decoded(one) for one in thumbnails(picture(kind, (2000, 3000)))]
    assert [one.size for one in found] == list(BOXES)
    for one in found:
        assert (one.format, one.mode) == ("WEBP", "RGB")
        assert near(one.getpixel((5, 5)), (255, 0, 0))
        assert near(one.getpixel((one.width - 5, 5)), (0, 0, 255))


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((1, 1), [(1, 1)] * 3),
        ((100, 100), [(100, 100)] * 3),
        ((3000, 300), [(1000, 100), (480, 48), (200, 20)]),
        ((20_000, 1), [(1000, 1), (480, 1), (200, 1)]),
        ((1, 20_000), [(1, 1500), (1, 720), (1, 300)]),
    ],
)
def test_proportions_stay_and_nothing_grows(
    size: tuple[int, int], sizes: list[tuple[int, int]]
) -> None:
    assert [decoded(one).size for one in thumbnails(picture("PNG", size))] == sizes


def test_the_same_image_makes_the_same_bytes() -> None:
    assert thumbnails(picture("PNG")) == thumbnails(picture("PNG"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_on_its_side(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is its left is the top
    exif[0x010F] = "a camera with a name"
    exif.get_ifd(0x8825)[1] = "N"  # where it was
    data = picture(kind, (3000, 2000), exif=exif)
    found = thumbnails(data)
    assert [decoded(one).size for one in found] == list(BOXES)
    for one in found:
        image = decoded(one)
        assert near(image.getpixel((image.width // 2, 5)), (255, 0, 0))
        assert near(image.getpixel((image.width // 2, image.height - 5)), (0, 0, 255))
        assert not image.getexif()
        assert b"camera" not in one
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)


@pytest.mark.parametrize("orientation", [0, 1, 9, 65535])
def test_an_orientation_that_there_is_not(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decoded(thumbnails(picture(size=(300, 200), exif=exif))[0]).size == (300, 200)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "1"), ("PNG", "L"), ("PNG", "P"), ("PNG", "I;16")],
)
def test_colours_of_all_kinds(kind: str, mode: str) -> None:
    if mode == "I;16":
        image = Image.new("I;16", (60, 90), 40_000)
        [shown, *_] = thumbnails(encoded(image, kind))
        assert near(decoded(shown).getpixel((5, 5)), (156, 156, 156))
        return
    [shown, *_] = thumbnails(picture(kind, mode=mode))
    image = decoded(shown)
    assert image.mode == "RGB"
    left, right = image.getpixel((5, 5)), image.getpixel((595, 5))
    if mode in {"CMYK", "P"}:
        assert near(left, (255, 0, 0))
        assert near(right, (0, 0, 255))
    else:
        assert left != right or mode == "1"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_stays_so(kind: str, mode: str) -> None:
    clear = Image.new("RGBA", (60, 90), (255, 0, 0, 0))
    clear.paste((0, 255, 0, 255), (0, 0, 60, 45))
    image = clear.convert("RGBA" if mode == "PA" else mode)
    data = encoded(image.quantize(8) if mode == "PA" else image, kind)
    shown = decoded(thumbnails(data)[0])
    assert shown.mode == "RGBA"
    assert shown.getpixel((30, 5))[3] == 255
    assert shown.getpixel((30, 85))[3] == 0


def test_colours_of_another_space_are_brought_into_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decoded(thumbnails(picture(icc_profile=lab))[0]).mode == "RGB"
    # A profile that is none, or of another kind of image.
    for broken in (b"junk", lab[:100]):
        image = decoded(thumbnails(picture(icc_profile=broken))[0])
        assert near(image.getpixel((5, 5)), (255, 0, 0))
    assert decoded(thumbnails(picture(mode="CMYK", icc_profile=lab))[0]).mode == "RGB"


def test_of_what_moves_the_first_picture() -> None:
    frames = [Image.new("RGB", (300, 450), colour) for colour in ("red", "blue", "green")]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
        assert near(decoded(thumbnails(data)[0]).getpixel((5, 5)), (255, 0, 0))


def test_thousands_of_frames_cost_no_more_than_one() -> None:
    # Each says of itself that it is large; nobody looks.
    frames = [Image.new("P", (1000, 1500), number % 7) for number in range(60)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert data.count(b"fcTL") > 5
    assert decoded(thumbnails(data)[0]).size == (1000, 1500)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7",
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("ICO", (64, 64)),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
    ],
    ids=lambda data: repr(data[:8]),
)
def test_what_is_no_image_of_ours(data: bytes) -> None:
    assert reason(data) in {"not_an_image", "damaged"}
    if data[:4] not in {b"\x89PNG", b"\xff\xd8\xff\xe0"}:
        assert reason(data) == "not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_part_of_an_image(kind: str) -> None:
    data = encoded(Image.effect_noise((400, 600), 80), kind)
    for part in (0.5, 0.9, 0.99):
        assert reason(data[: int(len(data) * part)]) in {"damaged", "not_an_image"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_bits_that_have_turned(kind: str) -> None:
    """A cover, or a reason: never anything else, whichever byte it is."""
    data = picture(kind, (40, 60))
    for at in range(0, len(data), max(1, len(data) // 150)):
        for turned in (0x00, 0xFF, data[at] ^ 0x80):
            with contextlib.suppress(BadImage):
                assert len(thumbnails(data[:at] + bytes([turned]) + data[at + 1 :])) == 3


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (5001, 5000), (2**31 - 1, 1)])
def test_bombs_are_not_opened(width: int, height: int) -> None:
    assert reason(png_bomb(width, height)) == "too_many_pixels"


def test_bombs_of_other_kinds() -> None:
    # A JPEG and a WebP whose headers say more than they have.
    jpeg = bytearray(picture("JPEG", (40, 60)))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    assert reason(bytes(jpeg)) == "too_many_pixels"
    frames = [Image.new("RGB", (40, 60), colour) for colour in ("red", "blue")]
    webp = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    at = webp.index(b"VP8X") + 12
    webp[at : at + 6] = 2 * (16_382).to_bytes(3, "little")
    assert reason(bytes(webp)) == "too_many_pixels"


def test_texts_that_swell() -> None:
    swollen = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9))
    data = picture("PNG", (40, 60))
    head = data.index(b"IDAT") - 4
    bomb = data[:head] + swollen + data[head:]
    assert len(bomb) < 500_000
    with contextlib.suppress(BadImage):
        assert len(thumbnails(bomb)) == 3


PROGRAM = """
import re, sys
from bookstore.services.cover_images import thumbnails
thumbnails(open(sys.argv[1], "rb").read())
# Not ru_maxrss: that is inherited from whoever started us.
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK")])
def test_the_largest_takes_so_much_memory(kind: str, mode: str, tmp_path: Path) -> None:
    large = tmp_path / "large"
    image = Image.new(mode, (5000, 5000))
    image.putpixel((1, 1), 1 if mode == "P" else (1, 2, 3, 4))
    large.write_bytes(encoded(image, kind))
    command = [sys.executable, "-c", PROGRAM, str(large)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 600, "megabytes"


def test_the_web_server_does_not_load_what_it_never_needs() -> None:
    program = "import sys, bookstore.app; print({'PIL', 'boto3'} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
