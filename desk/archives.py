"""What people hand in as an archive, taken out of it: python -m desk.archives PATH FOLDER BYTES NAME ...

An archive of a few bytes may unpack to fill a memory or a disk. So what is unpacked is counted while it streams, for
all archives of one person together; and where there are processes, one of its own does it, with a limit of memory and a
clock.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

from support.budget import HANDED_IN, HEADER, Budget, check_zip_directory, open_unpacked
from support.errors import UserError
from support.memory import memory_limit

LARGEST = 2**20  # bytes; a larger file is not read
MOST_MEMBERS = 1000  # that are taken out of an archive
LARGEST_ARCHIVE = 2**24  # bytes of an archive within another
LONGEST_NAME = 100  # characters of a name within an archive that its file gets here, the last ones
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
CLOSED = (".7z", ".rar", ".gz", ".bz2", ".xz")  # archives that are not opened
# What unpacking an archive may take
MEMORY = 2**28  # bytes
SECONDS = 60
# Folders of this repository, which may be handed in whole, and of installed libraries: nobody's work is there.
NOBODYS = {"desk", "exercises", "lab", "marker", "page", "support", "tests"}, {"site-packages", "node_modules"}


def unpack_in_process(exercise_names, archive_path, folder, budget):
    """Run `unpack_archive` in a process of its own, with MEMORY and SECONDS. Return what it returns."""
    command = [
        sys.executable,
        "-m",
        "desk.archives",
        str(archive_path),
        str(folder),
        str(budget.remaining),
        *exercise_names,
    ]
    search = [str(Path(__file__).resolve().parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        process = subprocess.run(
            command, capture_output=True, timeout=SECONDS, env=os.environ | {"PYTHONPATH": os.pathsep.join(search)}
        )
        reply = json.loads(process.stdout)
        budget.remaining = reply["left"]
        return reply["unread"]
    except subprocess.TimeoutExpired:
        return {archive_path.name: f"it takes more than {SECONDS} seconds to unpack"}
    except ValueError:  # the process was killed
        return {archive_path.name: explain_error(MemoryError())}


def main(archive_path, folder, bytes_left, *exercise_names):
    budget = Budget(int(bytes_left))
    with memory_limit(MEMORY):
        reasons = unpack_archive(exercise_names, Path(archive_path), Path(folder), budget)
    print(json.dumps({"unread": reasons, "left": budget.remaining}))


def unpack_archive(exercise_names, archive_path, folder, budget=None):
    """Unpack the Python files, archives and progress.json of an archive into a folder. Return {a name: why that file
    cannot be read}.

    budget: the bytes for this archive and others. Each member is unpacked by itself, so that none costs another. Names
    that a disk may confuse, `dz1.py` and `DZ1.py`, get folders of their own within that folder: 0, 1 ... A member that
    is too large, or one of too many, is refused by a UserError inside, which becomes its reason.
    """
    reasons = {}
    names_by_path = {}
    count = 0
    budget = budget or Budget(HANDED_IN)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)  # there may be no member
        for name, size, read in iter_members(exercise_names, archive_path, budget):
            *folders, file_name = [part for part in PurePosixPath(name).parts if part not in ("/", "..")] or [""]
            if (
                not is_wanted(PurePosixPath(file_name))
                or file_name.startswith("._")
                or any(map(is_foreign_folder, folders))
            ):
                continue
            count += 1
            try:
                if count > MOST_MEMBERS:
                    raise UserError(f"it is one of more than {MOST_MEMBERS:,} files")
                max_bytes = LARGEST_ARCHIVE if is_archive(PurePosixPath(file_name)) else LARGEST
                if size > max_bytes:
                    raise UserError(f"it has more than {max_bytes:,} bytes")
                parts = [re.sub(r'[:<>|"?*\x00-\x1f]', "_", part)[-LONGEST_NAME:] for part in (*folders, file_name)]
                same_path_names = names_by_path.setdefault("/".join(parts).lower(), [])
                if name not in same_path_names:
                    same_path_names.append(name)
                place = Path(folder, str(same_path_names.index(name)), *parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(read(max_bytes))
            except Exception as error:
                reasons[file_name[-LONGEST_NAME:]] = explain_error(error)
    except Exception as error:  # it is no archive, or ends too early
        reasons[archive_path.name] = explain_error(error, archive_path)
    return reasons


def iter_members(exercise_names, archive_path, budget):
    """Yield (name, size in bytes, read) of each file in an archive; read(max_bytes) returns its content.

    All that is unpacked on the way counts. Raises UserError if an archive of this kind is not opened.
    """
    if archive_path.name.lower().endswith(TAR):
        yield from iter_tar_members(archive_path, budget)
    elif is_archive(archive_path):
        yield from iter_zip_members(exercise_names, archive_path, budget)
    else:
        raise UserError("ask for a ZIP file")


def iter_tar_members(archive_path, budget):
    """Yield the members of a TAR file, as `iter_members` does. To find the next one, all before it is unpacked.

    Raises UserError if there are too many files.
    """
    import tarfile  # the site has none

    with open_unpacked(archive_path, budget) as stream:
        stream.most = HEADER
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115
        for count, info in enumerate(archive):

            def read(max_bytes, info=info):
                stream.most = max_bytes
                content = archive.extractfile(info).read()
                stream.most = HEADER
                return content

            if count >= 10 * MOST_MEMBERS:
                raise UserError("it has too many files to look through")
            if info.isfile():  # and no link
                yield info.name, info.size, read


def iter_zip_members(exercise_names, archive_path, budget):
    """Yield the members of a ZIP file, as `iter_members` does; first those that have the name of an exercise.

    Raises UserError if it is no ZIP file, or is encrypted.
    """
    if not zipfile.is_zipfile(archive_path):
        raise UserError("it is not a ZIP file, or damaged")
    with open(archive_path, "rb") as file:
        check_zip_directory(file, archive_path)
        with zipfile.ZipFile(file) as archive:

            def read(info, max_bytes):
                """Return the content of a member. Raises UserError if it is encrypted."""
                if info.flag_bits & 1:
                    raise UserError("it is encrypted: ask for one without a password")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise NotImplementedError  # zipfile would unpack these without a limit
                with archive.open(info) as member:
                    content = member.read(max_bytes + 1)
                budget.check(len(content), "it")
                budget.remaining -= len(content)
                return content

            files = [(info.filename.replace("\\", "/"), info) for info in archive.infolist()]  # some write Windows' \\
            files = [(name, info) for name, info in files if name[-1:] != "/"]  # no folders
            for name, info in sorted(
                files, key=lambda file: find_exercise_name(exercise_names, PurePosixPath(file[0])) is None
            ):
                yield name, info.file_size, partial(read, info)


def is_foreign_folder(folder, siblings=()):
    """Return True if nobody's own work is in a folder of that name; siblings: the files beside it."""
    own_folders, libraries = NOBODYS
    return folder[0] in "._" or folder in libraries or ("practice.py" in siblings and folder in own_folders)


def explain_error(error, path=""):
    """Describe in a few words, without a path, what is wrong with the file or archive member that raised this error."""
    if isinstance(error, UserError):
        return str(error).replace(str(path), "it").removeprefix("cannot read it: ") if path else str(error)
    if isinstance(error, NotImplementedError):
        return "its kind of compression is not known here: ask for an ordinary ZIP file"
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return getattr(error, "strerror", None) or "it is damaged"  # zipfile and tarfile have many kinds


def is_wanted(member):
    """Return True if a member of an archive of that name is taken out of it."""
    return is_archive(member) or is_python(member) or member.name == "progress.json"


def is_archive(path):
    """Return True if a file's name says that it is an archive which is opened."""
    return path.name.lower().endswith((".zip", *TAR))


KEPT = re.compile(r"\.\d+$")  # dz1.1.py is what practice.py kept of an earlier dz1.py


def is_python(path):
    """Return True if a file's name says that it is Python, though a mail program may have added .txt."""
    return path.name.lower().removesuffix(".txt").endswith(".py")


def find_exercise_name(exercise_names, path):
    """Return the one of these names that a file's name contains; None if it contains none, or two.

    What people and platforms add is passed over: "dz1 (1).py", "dz1 - Kopie.py", "dz1-1.py", "dz1_ada.py",
    "ada_123_456_dz1.py" and "dz1.py.txt" are dz1, too. A name that says two exercises says none.
    """
    if not is_python(path):
        return None
    stem = path.name.lower().removesuffix(".txt").removesuffix(".py")
    if KEPT.search(stem):
        return None
    matches = [name for name in exercise_names if re.search(rf"(?<![a-z0-9]){name.lower()}(?![a-z0-9])", stem)]
    longest_matches = []
    for name in matches:
        longer_matches = [match for match in matches if match != name and name.lower() in match.lower()]
        if not longer_matches:
            longest_matches.append(name)
    return longest_matches[0] if len(longest_matches) == 1 else None


if __name__ == "__main__":
    main(*sys.argv[1:])
