"""Write the page as a site's front page: `python -m page.publish --code URL --out site/index.html`.

In a clone the page's links to the code are relative: "../mlp_np.py#L57". On a site of its own they lead into the
repository instead: URL is where its files are shown, such as https://github.com/OWNER/NAME/blob/COMMIT. Needs nothing
but Python: .github/workflows/pages.yml runs it.
"""

import argparse
import html
import re
import sys
from pathlib import Path

from support.errors import UserError
from support.files import replacing, spare
from support.program import run

PAGE = Path(__file__).resolve().parent / "index.html"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m page.publish", description=__doc__, allow_abbrev=False)
    parser.add_argument("--code", metavar="URL", required=True, help="where the repository's files are shown")
    parser.add_argument("--out", metavar="FILE", required=True, help="where to write")
    arguments = parser.parse_args(argv)
    if not re.fullmatch(r"https?://[^\s/]+/\S*", arguments.code):
        raise UserError(f"--code {arguments.code} is not an address, such as https://github.com/OWNER/NAME/blob/main")
    out = Path(arguments.out)
    spare("--out", out, PAGE)
    if out.is_dir():
        raise UserError(f"--out {arguments.out} is a folder: name a file")
    code = html.escape(arguments.code.rstrip("/"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as file:
        file.write(PAGE.read_text(encoding="utf-8").replace('href="../', f'href="{code}/').encode())
    print(f"see {arguments.out}: its links lead to {arguments.code}")


if __name__ == "__main__":
    sys.exit(run(main))
