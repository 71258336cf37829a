"""Shared by page.build and page.site: npm, esbuild, and templates.

page/package.json lists the packages that the scripts need, and package-lock.json their exact versions with SHA-512.
"""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from support.errors import UserError

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"
BUILD_PACKAGES = {"@biomejs", "axe-core", "esbuild", "@esbuild", "temml"}  # packages that are not in any page
ESBUILD_OPTIONS = (
    "--bundle", "--target=es2022", "--jsx=automatic", "--jsx-import-source=preact", "--legal-comments=none",
    "--log-level=error",
)  # fmt: skip


def fill(template, holes):
    """Return a template in which each {{name}} is replaced by holes["name"]."""
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], template)


def make_icon_address():
    """Return page/icon.svg as a data: address, so that pages need no further file."""
    return "data:image/svg+xml," + quote((FOLDER / "icon.svg").read_text(encoding="utf-8").strip())


def run_tool(*command):
    """Run a program in page/, and return its output.

    Raises UserError if it fails. The message is esbuild's first error, npm's first informative line, or the last line.
    """
    process = subprocess.run(list(map(str, command)), cwd=FOLDER, capture_output=True, encoding="utf-8", check=False)
    if process.returncode:
        text = (process.stderr or process.stdout).strip() or "no reason"
        error = re.search(r"\[ERROR\] (.+)\n\n +(\S+:\d+):\d+:", text)  # with its location on the next lines
        npm = re.search(r"^npm (?:error|ERR!) (?!(?:code|syscall|errno|path|dest) )(.+)", text, re.M)
        message = text.splitlines()[-1]
        if error:
            message = f"page/{error[2]}: {error[1]}"
        elif npm:
            message = npm[1]
        raise UserError(f"{Path(command[0]).name} failed: {message}")
    return process.stdout


def install_npm_packages():
    """Install the packages of package-lock.json, unless they are up to date. Raises UserError if npm is missing."""
    npm = shutil.which("npm")
    lock_file = MODULES / ".package-lock.json"
    if not npm:
        raise UserError("needs npm, which comes with Node.js")
    if not lock_file.exists() or lock_file.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        run_tool(npm, "ci", "--ignore-scripts")
        lock_file.touch()


def bundle_with_esbuild(*options):
    """Bundle scripts of page/ with all that they import, by esbuild.

    Return the text, or "" with --outdir=... among `options`.
    """
    install_npm_packages()
    return run_tool(MODULES / ".bin" / "esbuild", *options, *ESBUILD_OPTIONS)


def iter_licences(name_part=""):
    """Yield (name, text) of the licence of each package that pages contain, if `name_part` occurs in its name."""
    install_npm_packages()
    for path in sorted((FOLDER / "licences").glob("*.txt")):  # for packages that lack a licence file
        if name_part in path.stem:
            yield path.stem, path.read_text(encoding="utf-8")
    for path in sorted(MODULES.glob("**/LICENSE*")):
        if not BUILD_PACKAGES & set(path.parts) and name_part in str(path.relative_to(MODULES).parent):
            yield "-".join(path.relative_to(MODULES).parent.parts), path.read_text(encoding="utf-8")
