"""Unpacks archives that people hand in: python -m desk.archives PATH FOLDER BYTES NAME ...

A small archive may unpack to more bytes than the memory or the disk holds. So the bytes are counted while they are
unpacked, for all archives of one person together. On systems that have processes (a browser has none), this is done in
a separate process with limits of memory and time.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

from support.budget import MAX_SUBMISSION_BYTES, MAX_TAR_HEADER_BYTES, Budget, check_zip_directory_size, open_unpacked
from support.errors import UserError
from support.memory import memory_limit

MAX_FILE_BYTES = 2**20  # a larger file is not read
MAX_MEMBERS = 1000  # files of an archive
MAX_INNER_ARCHIVE_BYTES = 2**24  # of an archive within another
MAX_NAME_LENGTH = 100  # characters; of a longer name in an archive, the unpacked file gets the last ones
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
UNSUPPORTED_SUFFIXES = (".7z", ".rar", ".gz", ".bz2", ".xz")  # archives that are not opened
# Limits for unpacking an archive
MAX_MEMORY_BYTES = 2**28
TIMEOUT_SECONDS = 60
# Folders that cannot contain anybody's own work: folders of this repository, if it is handed in as a whole, and folders
# of installed libraries.
IGNORED_FOLDERS = {"desk", "exercises", "lab", "marker", "page", "support", "tests"}, {"site-packages", "node_modules"}


def unpack_in_subprocess(exercise_names, archive_path, folder, budget):
    """Run `unpack_archive` in a separate process, limited to MAX_MEMORY_BYTES and TIMEOUT_SECONDS.

    Return its result. Reduces budget.remaining. If the process exceeds a limit, the result is {name of the archive:
    reason}.
    """
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
            command,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
        )
        reply = json.loads(process.stdout)
        budget.remaining = reply["left"]
        return reply["unread"]
    except subprocess.TimeoutExpired:
        return {archive_path.name: f"it takes more than {TIMEOUT_SECONDS} seconds to unpack"}
    except ValueError:  # the process was killed
        return {archive_path.name: explain_error(MemoryError())}


def main(archive_path, folder, bytes_left, *exercise_names):
    budget = Budget(int(bytes_left))
    with memory_limit(MAX_MEMORY_BYTES):
        reasons = unpack_archive(exercise_names, Path(archive_path), Path(folder), budget)
    print(json.dumps({"unread": reasons, "left": budget.remaining}))


def unpack_archive(exercise_names, archive_path, folder, budget=None):
    """Unpack the Python files, archives and progress.json of an archive into a folder.

    Return {name of a file that could not be unpacked: reason}. Reasons include too many files, a file that is too large
    and a damaged archive. No UserError is raised, and a problem with one file does not affect the others. Files whose
    names a disk may confuse, such as `dz1.py` and `DZ1.py`, go to different subfolders 0, 1, ... of the folder.

    exercise_names: files with these names come first. budget: a `Budget` of bytes for this archive and others.
    """
    reasons = {}
    names_by_path = {}
    count = 0
    budget = budget or Budget(MAX_SUBMISSION_BYTES)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)  # even if the archive is empty
        for name, size, read in iter_members(exercise_names, archive_path, budget):
            *folders, file_name = [part for part in PurePosixPath(name).parts if part not in ("/", "..")] or [""]
            if (
                not should_unpack(PurePosixPath(file_name))
                or file_name.startswith("._")
                or any(map(is_foreign_folder, folders))
            ):
                continue
            count += 1
            try:
                if count > MAX_MEMBERS:
                    raise UserError(f"it is one of more than {MAX_MEMBERS:,} files")
                max_bytes = MAX_INNER_ARCHIVE_BYTES if has_archive_suffix(PurePosixPath(file_name)) else MAX_FILE_BYTES
                if size > max_bytes:
                    raise UserError(f"it has more than {max_bytes:,} bytes")
                parts = [re.sub(r'[:<>|"?*\x00-\x1f]', "_", part)[-MAX_NAME_LENGTH:] for part in (*folders, file_name)]
                same_path_names = names_by_path.setdefault("/".join(parts).lower(), [])
                if name not in same_path_names:
                    same_path_names.append(name)
                place = Path(folder, str(same_path_names.index(name)), *parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(read(max_bytes))
            except Exception as error:
                reasons[file_name[-MAX_NAME_LENGTH:]] = explain_error(error)
    except Exception as error:  # not an archive, or it ends too early
        reasons[archive_path.name] = explain_error(error, archive_path)
    return reasons


def iter_members(exercise_names, archive_path, budget):
    """Yield (name, size in bytes, read) for each file in an archive. read(max_bytes) returns the file's content.

    budget: all bytes that are unpacked count, also those of files that are skipped. Raises UserError if this kind of
    archive is not supported.
    """
    if archive_path.name.lower().endswith(TAR_SUFFIXES):
        yield from iter_tar_members(archive_path, budget)
    elif has_archive_suffix(archive_path):
        yield from iter_zip_members(exercise_names, archive_path, budget)
    else:
        raise UserError("ask for a ZIP file")


def iter_tar_members(archive_path, budget):
    """Yield (name, size, read) for the files in a TAR file, as `iter_members` does.

    Finding a file takes unpacking everything before it. Raises UserError if there are too many files.
    """
    import tarfile  # imported here, because the website does not have it

    with open_unpacked(archive_path, budget) as stream:
        stream.most = MAX_TAR_HEADER_BYTES
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115
        for count, info in enumerate(archive):

            def read(max_bytes, info=info):
                stream.most = max_bytes
                content = archive.extractfile(info).read()
                stream.most = MAX_TAR_HEADER_BYTES
                return content

            if count >= 10 * MAX_MEMBERS:
                raise UserError("it has too many files to look through")
            if info.isfile():  # not a link
                yield info.name, info.size, read


def iter_zip_members(exercise_names, archive_path, budget):
    """Yield (name, size, read) for the files in a ZIP file, as `iter_members` does.

    Files that are named like an exercise come first. Raises UserError if it is not a ZIP file. `read` raises UserError
    if the file is encrypted.
    """
    if not zipfile.is_zipfile(archive_path):
        raise UserError("it is not a ZIP file, or damaged")
    with open(archive_path, "rb") as file:
        check_zip_directory_size(file, archive_path)
        with zipfile.ZipFile(file) as archive:

            def read(info, max_bytes):
                """Return the content of a member, at most max_bytes + 1 bytes. Raises UserError if it is encrypted."""
                if info.flag_bits & 1:
                    raise UserError("it is encrypted: ask for one without a password")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise NotImplementedError  # zipfile would unpack other kinds of compression without a limit
                with archive.open(info) as member:
                    content = member.read(max_bytes + 1)
                budget.check(len(content), "it")
                budget.remaining -= len(content)
                return content

            files = [(info.filename.replace("\\", "/"), info) for info in archive.infolist()]  # some write Windows' \\
            files = [(name, info) for name, info in files if name[-1:] != "/"]  # without folders
            for name, info in sorted(
                files, key=lambda file: find_exercise_name(exercise_names, PurePosixPath(file[0])) is None
            ):
                yield name, info.file_size, partial(read, info)


def is_foreign_folder(folder_name, sibling_names=()):
    """Return True if a folder with the name `folder_name` cannot contain a person's own work.

    sibling_names: the names of the files beside it. Among them, practice.py is the sign of a copy of this repository.
    """
    own_folders, libraries = IGNORED_FOLDERS
    return (
        folder_name[0] in "._"
        or folder_name in libraries
        or ("practice.py" in sibling_names and folder_name in own_folders)
    )


def explain_error(error, path=""):
    """Return a short description of an error in reading or unpacking a file. Its path is replaced by "it"."""
    if isinstance(error, UserError):
        return str(error).replace(str(path), "it").removeprefix("cannot read it: ") if path else str(error)
    if isinstance(error, NotImplementedError):
        return "its kind of compression is not known here: ask for an ordinary ZIP file"
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return getattr(error, "strerror", None) or "it is damaged"  # zipfile and tarfile raise many kinds of exceptions


def should_unpack(path):
    """Return True if a file in an archive is to be unpacked: a Python file, an archive or progress.json."""
    return has_archive_suffix(path) or is_python(path) or path.name == "progress.json"


def has_archive_suffix(path):
    """Return True if a file has the name of an archive of a supported kind."""
    return path.name.lower().endswith((".zip", *TAR_SUFFIXES))


OLD_VERSION_PATTERN = re.compile(r"\.\d+$")  # dz1.1.py is an earlier version of dz1.py that practice.py has kept


def is_python(path):
    """Return True if a file has the name of a Python file. A mail program may have added .txt to it."""
    return path.name.lower().removesuffix(".txt").endswith(".py")


def find_exercise_name(exercise_names, path):
    """Return the exercise name that the name of a Python file contains; None if it contains none, or several.

    What people and platforms add to names is ignored: "dz1 (1).py", "dz1 - Kopie.py", "dz1-1.py", "dz1_ada.py",
    "ada_123_456_dz1.py" and "dz1.py.txt" are all dz1.
    """
    if not is_python(path):
        return None
    stem = path.name.lower().removesuffix(".txt").removesuffix(".py")
    if OLD_VERSION_PATTERN.search(stem):
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
