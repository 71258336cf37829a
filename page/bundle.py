"""What page.build and page.site share: npm, esbuild, and a template with holes.

page/package.json lists what the scripts need, and package-lock.json its exact versions and their SHA-512.
"""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from support.errors import UserError

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"
TOOLS = {"@biomejs", "axe-core", "esbuild", "@esbuild", "temml"}  # which are in no page
OPTIONS = (
    "--bundle", "--target=es2022", "--jsx=automatic", "--jsx-import-source=preact", "--legal-comments=none",
    "--log-level=error",
)  # fmt: skip


def fill(template, holes):
    """Return that text with {{name}} replaced by holes["name"]."""
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], template)


def make_icon_address():
    """Return page/icon.svg as an address, so that no page asks for another file."""
    return "data:image/svg+xml," + quote((FOLDER / "icon.svg").read_text(encoding="utf-8").strip())


def run_tool(*command):
    """Run a program in page/, and return its output.

    Raises UserError if it fails, with esbuild's first error, or the first of npm's lines that says more than a code, or
    its last line.
    """
    process = subprocess.run(list(map(str, command)), cwd=FOLDER, capture_output=True, encoding="utf-8", check=False)
    if process.returncode:
        text = (process.stderr or process.stdout).strip() or "no reason"
        error = re.search(r"\[ERROR\] (.+)\n\n +(\S+:\d+):\d+:", text)  # and below it, where npm's own script failed
        npm = re.search(r"^npm (?:error|ERR!) (?!(?:code|syscall|errno|path|dest) )(.+)", text, re.M)
        message = text.splitlines()[-1]
        if error:
            message = f"page/{error[2]}: {error[1]}"
        elif npm:
            message = npm[1]
        raise UserError(f"{Path(command[0]).name} failed: {message}")
    return process.stdout


def install():
    """Install the packages of package-lock.json, if they are not there yet. Raises UserError if npm is not."""
    npm = shutil.which("npm")
    lock_file = MODULES / ".package-lock.json"
    if not npm:
        raise UserError("needs npm, which comes with Node.js")
    if not lock_file.exists() or lock_file.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        run_tool(npm, "ci", "--ignore-scripts")
        lock_file.touch()


def bundle(*words):
    """Return one file as text, of these scripts of page/ and all that they import, by esbuild; "" with --outdir=... .

    Return the text of a single one, or nothing with --outdir=... .
    """
    install()
    return run_tool(MODULES / ".bin" / "esbuild", *words, *OPTIONS)


def iter_licences(words=""):
    """Yield (name, text) of the licence of each package that is in a page, if these words are in its name."""
    install()
    for path in sorted((FOLDER / "licences").glob("*.txt")):  # of packages that come without theirs
        if words in path.stem:
            yield path.stem, path.read_text(encoding="utf-8")
    for path in sorted(MODULES.glob("**/LICENSE*")):
        if not TOOLS & set(path.parts) and words in str(path.relative_to(MODULES).parent):
            yield "-".join(path.relative_to(MODULES).parent.parts), path.read_text(encoding="utf-8")
