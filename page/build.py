"""Write the interactive page: one HTML file in which you can draw for a trained network, look inside and train it.

`python -m page.build` bundles the scripts, which needs npm, and inserts them, page.css, lines of mlp_np.py and the
network and the images of page/data.npz into template.html. `--weights FILE` first replaces page/data.npz with another
network and images; with `--out` page/data.npz stays as it is, and only the new page has that network. The page opens
from disk and contacts no server: its content security policy names the SHA-256 of its own script and style, and forbids
everything else. Everything inserted into the page is a number, or is escaped.
"""

import base64
import gzip
import hashlib
import html
import inspect
import json
import re
import sys
from functools import cache
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from mlp_np import MLP, softmax_cross_entropy
    from page import data_file
    from page.bundle import FOLDER, bundle_with_esbuild, fill, iter_licences, make_icon_address
    from page.shown import load_mlp_run
    from support.errors import UserError
    from support.files import atomic_write, check_output, check_writable
    from support.options import Parser

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE_FILE = FOLDER / "template.html"
MAX_PAGE_BYTES = 1_750_000  # the size of a photograph
DEFAULT_OUT = FOLDER / "index.html"
DATA_FILE = FOLDER / "data.npz"  # its network and its images
# A digit's empty score, shown until the network is loaded, in the form of page/chain.jsx, for page/flow.js to draw on.
EMPTY_SCORE = (
    '<div class="score"><span class="share"></span><b>{}</b><span class="logit"></span>'
    '<div class="pull off"></div></div>'
)
SHOWN_FUNCTIONS = {f.__name__: f for f in (MLP.forward, softmax_cross_entropy, MLP.backward)}
# {name in page/stages.js: how the lines that compute it begin}.
ASSIGNED_NAMES = ("x", "z1", "a1", "loss", "dW2", "db2", "da1", "dz1", "dW1", "db1")
ASSIGNMENT_PATTERNS = {name: rf"(self\.)?{name} [+]?= " for name in ASSIGNED_NAMES}
ASSIGNMENT_PATTERNS |= {
    "logits": r"return self\.a1",
    "p": "(shifted|exp|total|dlogits) = ",
    "dlogits": r"dlogits(\[| /=)",
}


def main(argv=None):
    parser = Parser(prog="python -m page.build", description=__doc__)
    parser.add_argument("--weights", metavar="FILE", help="an MLP's checkpoint (default: the network of page/data.npz)")
    parser.add_argument(
        "--out", metavar="FILE", default=str(DEFAULT_OUT), help="where to write (default: page/index.html)"
    )
    arguments = parser.parse_args(argv)
    check_output("--out", arguments.out, ".html", FOLDER / "template.html", arguments.weights)
    check_writable(arguments.out)
    arrays = (
        data_file.make_page_arrays(*load_mlp_run(arguments.weights))
        if arguments.weights
        else data_file.load_arrays(DATA_FILE)
    )
    page = make_single_file(arrays).encode()
    if len(page) > MAX_PAGE_BYTES:
        advice = ": train with fewer --hidden units (512 fit)" if arguments.weights else ""
        raise UserError(f"the page would have {len(page):,} bytes, more than {MAX_PAGE_BYTES:,}{advice}")
    if arguments.weights and Path(arguments.out).resolve() == DEFAULT_OUT:
        with atomic_write(DATA_FILE) as file:
            np.savez_compressed(file, **arrays)
    with atomic_write(arguments.out) as file:
        file.write(page)
    print(f"see {arguments.out}: {len(page):,} bytes")


def make_single_file(arrays):
    """Return the page as one HTML file that contains the network and the images of a data file."""
    page_data = data_file.make_facts(arrays)
    for name, pack in data_file.make_packs(arrays).items():
        page_data[name] = {"packed": base64.b64encode(compress_gzip(pack)).decode()}
    return fill_template(TEMPLATE_FILE.read_text(encoding="utf-8"), page_data)


def compress_gzip(content):
    return gzip.compress(content, 9, mtime=0)


@cache
def bundle_scripts():
    """Return all scripts, with the npm packages that they import, as one text that begins with the licences."""
    licence = "\n\n".join(f"{name}\n\n{text.strip()}" for name, text in iter_licences("preact"))
    script = bundle_with_esbuild("main.jsx", "--format=esm")
    return f"/* This script holds the following packages.\n\n{licence} */\n{script}"


def fill_template(template, page_data, attributes="", navigation="", from_site=False):
    """Return `template`, the text of page/template.html, filled in.

    page_data: a dict for JSON, which page/page_data.js reads.
    attributes: further attributes of the root element, as HTML.
    navigation: the links to the site's other pages, as HTML.
    from_site: the page is part of the site: see `make_policy`.
    """
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    holes = {
        "style": style,
        "script": bundle_scripts(),
        "icon": make_icon_address(),
        "attributes": attributes,
        "navigation": navigation,
    }
    holes["policy"] = make_policy(bundle_scripts(), style, from_site)
    holes["known"] = json.dumps(page_data).replace("<", "\\u003c")
    holes["scores"] = "".join(map(EMPTY_SCORE.format, range(10)))
    holes["code"] = "".join(map(render_computing_lines, SHOWN_FUNCTIONS))
    for name, function in SHOWN_FUNCTIONS.items():  # their first line, and the last one before `return`
        source, first_line = inspect.getsourcelines(function)
        holes |= {f"{name}_first": str(first_line), f"{name}_last": str(first_line + len(source) - 2)}
    template = template.replace('href="../', 'target="_blank" rel="noopener" href="../')  # keep this tab
    return fill(template, holes)


def make_policy(script, style, from_site=False):
    """Return a content security policy that allows this inline script and this style, and nothing to be fetched.

    from_site: the page may fetch from its own address, and run WebAssembly. `data:` is for the page's icon, which is in
    it.
    """
    extra_rules = " 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'" if from_site else ""
    return (
        f"default-src 'none'; img-src data:; script-src '{compute_sri(script)}'{extra_rules}; "
        f"style-src '{compute_sri(style)}'; base-uri 'none'; form-action 'none'"
    )


def compute_sri(content):
    """Return the SHA-256 of a text or bytes in the form of content security policies and `integrity` attributes."""
    content = content.encode() if isinstance(content, str) else content
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def render_computing_lines(function_name):
    """Return HTML with the lines of a function that compute something, each with the name of its result."""
    items = []
    for line in inspect.getsource(SHOWN_FUNCTIONS[function_name]).splitlines()[1:]:
        statement = line.partition("  #")[0].strip()
        for name, start in ASSIGNMENT_PATTERNS.items():
            if re.match(start, statement):
                items.append(f'<div role="option" data-stage="{name}"><code>{html.escape(statement)}</code></div>')
    return (
        f'<h3>{function_name}</h3><div role="listbox" aria-label="the lines of {function_name}">{"".join(items)}</div>'
    )


if __name__ == "__main__":
    sys.exit(program.run(main))
