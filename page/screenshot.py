"""Take the README's picture of the page at work: `python -m page.screenshot` -> png/page.png.

The mouse draws a digit in section 5, and a new network learns for a while before the picture is taken. This needs
playwright and Chromium, like the tests of the page.
"""

import io
import math
import shutil
import sys

from PIL import Image

from page.build import FOLDER, ROOT
from support.errors import UserError
from support.files import replacing
from support.options import Parser
from support.program import run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1200, 1000
STEPS = 400  # of the new network, before the picture


def main(argv=None):
    parser = Parser(prog="python -m page.screenshot", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--out", metavar="FILE", default=str(ROOT / "png" / "page.png"), help="where to write (default: png/page.png)"
    )
    arguments = parser.parse_args(argv)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("needs playwright: python -m pip install playwright") from None
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        raise UserError(f"needs a browser in PATH: one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        picture = take(browser)
        browser.close()
    with replacing(arguments.out) as file:
        file.write(picture)
    print(f"see {arguments.out}: {len(picture):,} bytes")


def take(browser, steps=STEPS):
    """The PNG of section 5, down to the pictures of the hidden units."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto((FOLDER / "index.html").as_uri())
    page.wait_for_selector("#starting", state="detached")  # the script has unpacked the page
    page.evaluate(f"for (let n = 0; n < {steps}; n++) lab.learning.takeStep()")
    page.locator("#learn").evaluate("(section) => section.scrollIntoView()")
    draw(page, three())
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # until everything out of view is drawn, too
    top = page.locator("#learn").bounding_box()
    bottom = page.locator(".lab").bounding_box()
    clip = {"x": 0, "y": top["y"] + 1, "width": WIDTH, "height": bottom["y"] + bottom["height"] - top["y"] + 20}
    page.locator("#dock").evaluate("(dock) => dock.remove()")
    return palette(page.screenshot(clip=clip))


def palette(png):
    """The same picture in 256 colours: less than half the bytes, and no visible difference."""
    content = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        content, "PNG", optimize=True
    )
    return content.getvalue()


def three():
    """A 3 as points from 0 to 1: two arcs."""

    def arc(y, across, down, start, end):
        angles = [math.radians(start + (end - start) * n / 15) for n in range(16)]
        return [(0.46 + across * math.cos(a), y + down * math.sin(a)) for a in angles]

    return arc(0.31, 0.2, 0.18, -150, 80) + arc(0.67, 0.23, 0.19, -80, 150)


def draw(page, points):
    page.locator(".clear").last.click()
    box = page.locator("#pad2").bounding_box()
    for n, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=2)
        if n == 0:
            page.mouse.down()
    page.mouse.up()


if __name__ == "__main__":
    sys.exit(run(main))
