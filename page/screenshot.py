"""Take the README's picture of the page: `python -m page.screenshot` -> png/page.png.

It shows the network at the digit that the page opens on, and why it misreads it. This needs playwright and Chromium,
like the tests of the page.
"""

import io
import shutil

from PIL import Image

from page.build import FOLDER, ROOT

# Without the lines of code, which the lessons ask for: the units that speak for the answer and against it have their
# place, and what stands below them is left out.
STYLE = """
  #dock, .why > :last-child, #why-sum, .unit { display: none !important }
  #inside { margin: 0 -40px; padding: 24px 40px 0; border: 0 }
  .why { display: block }
  .why > div { display: grid; grid-template-columns: 1fr 1fr; column-gap: 24px; zoom: 0.87 }
  #h-why { grid-column: span 2 }
"""


def launch(playwright):
    """Chromium, or Chrome where its installer puts it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    return playwright.chromium.launch(executable_path=path, channel=None if path else "chrome", args=["--no-sandbox"])


def take(browser):
    """The PNG of the network as a picture. In 256 colours: less than half the bytes, and no visible difference."""
    page = browser.new_page(viewport={"width": 1200, "height": 1200}, color_scheme="light", bypass_csp=True)
    page.goto((FOLDER / "index.html").as_uri())
    page.add_style_tag(content=STYLE)
    page.wait_for_timeout(2000)  # until everything is drawn
    shot, content = Image.open(io.BytesIO(page.locator("#inside").screenshot())).convert("RGB"), io.BytesIO()
    shot.quantize(256, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        (ROOT / "png" / "page.png").write_bytes(take(launch(playwright)))
