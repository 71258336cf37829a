"""Take the README's picture of the page: `python -m page.screenshot` -> png/page.png.

It shows the network at the digit that the page opens on, and why it misreads it. This needs playwright and Chromium,
like the tests of the page.
"""

import io
import shutil
import sys
from contextlib import contextmanager
from support import program

from PIL import Image

from page.build import FOLDER, ROOT
from support.errors import UserError
from support.files import replacing
from support.options import Parser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # in PATH; or Chrome where its installer puts it
WIDTH, HEIGHT = 1200, 1200
# The column of code has lines that the lessons ask for. The picture leaves it out, and the units have its place.
WITHOUT_CODE = """(why) => {
  const [units, code] = why.children;
  code.remove();
  why.style.display = "block";
  units.style = "display: grid; grid-template-columns: 1fr 1fr; column-gap: 24px; zoom: 0.87";
  units.firstElementChild.style.gridColumn = "span 2";
}"""


def main(argv=None):
    parser = Parser(prog="python -m page.screenshot", description=__doc__)
    out = str(ROOT / "png" / "page.png")
    parser.add_argument("--out", metavar="FILE", default=out, help="where to write (default: png/page.png)")
    arguments = parser.parse_args(argv)
    with chromium() as browser:
        picture = take(browser)
    with replacing(arguments.out) as file:
        file.write(picture)
    print(f"see {arguments.out}: {len(picture):,} bytes")


@contextmanager
def chromium():
    """Chromium, driven by playwright; UserError if either is missing."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UserError("needs playwright: python -m pip install playwright") from None
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    which = {"executable_path": path} if path else {"channel": "chrome"}
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(**which, args=["--no-sandbox"])
        except Error as error:
            raise UserError(f"needs Chromium or Chrome: {str(error).splitlines()[0]}") from None
        yield browser
        browser.close()


def take(browser):
    """The PNG of the network as a picture, down to the units that speak for its answer and against it.

    In 256 colours: less than half the bytes, and no visible difference.
    """
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto((FOLDER / "index.html").as_uri())
    page.wait_for_selector("#starting", state="detached")  # the script has unpacked the page
    page.locator("#inside").evaluate("(section) => section.scrollIntoView()")
    page.locator("#dock").evaluate("(dock) => { dock.style.display = 'none' }")
    page.locator(".why").evaluate(WITHOUT_CODE)
    page.wait_for_timeout(2000)  # until everything has flowed and is drawn
    top = page.locator("#inside").bounding_box()["y"] + 1
    bottom = page.locator("#against").bounding_box()
    clip = {"x": 0, "y": top, "width": WIDTH, "height": bottom["y"] + bottom["height"] - top + 8}
    taken, content = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"), io.BytesIO()
    taken.quantize(256, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(program.run(main))
