"""Sources of raw files: pinned package archives, URLs, files of the user, generators.

Downloaded files are checked by their sha256, and never run, installed or imported.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from pipelines import console
from pipelines.config.params import (
    ContrastsSource,
    DatesSource,
    Download,
    FilesSource,
    PackageSource,
    Source,
    UrlSource,
)
from pipelines.data import synthetic_contrasts, user_files
from pipelines.data.readers import containers
from pipelines.errors import UserError, close_match, did_you_mean
from pipelines.files import DISK_FULL, file_sha256, work_folder

MIRROR = "SEQPROOF_MIRROR"
TIMEOUT = 60.0  # seconds without data, after which a download fails
PROGRESS_INTERVAL = 10.0  # seconds between two progress messages
CHUNK = 1 << 20  # bytes


def fetch(source: Source, folder: Path, *, root: Path, seed: int) -> None:
    """Replace a folder by the files of a source; only folders of the user keep their subfolders.

    Args:
        source: source of the files.
        folder: target, which is replaced completely or not at all.
        root: the project's root, to which paths of `files` are relative.
        seed: seed of generated text.

    Raises:
        UserError: a hash is wrong, a member or file is missing, or a download fails.
    """
    with work_folder(folder) as temporary:
        ready, work = temporary / "ready", temporary / "work"
        ready.mkdir()
        work.mkdir()
        match source:
            case PackageSource():
                _fetch_package(source, ready, work)
            case UrlSource():
                _fetch_urls(source, ready)
            case FilesSource():
                _copy_files(source, ready, root)
            case DatesSource():
                _generate_dates(source, ready, seed)
            case ContrastsSource():
                _generate_contrasts(source, ready, seed)
        if folder.exists():
            folder.rename(work / "replaced")
        ready.rename(folder)


def file_names(source: Source) -> list[str]:
    """Return the names of the fetched files, or patterns, in the order of `params.yaml`."""
    match source:
        case UrlSource():
            return [_file_name(download) for download in source.downloads]
        case FilesSource():
            return [Path(path).name for path in source.paths]
    return []


# Package archives -------------------------------------------------------------------------------


def _fetch_package(source: PackageSource, folder: Path, work: Path) -> None:
    start = _normalize_name(f"{source.name}-{source.version}")
    archive = _find_in_mirror(lambda name: _normalize_name(name).startswith(start), source.sha256)
    archive = archive or _pip_download(source, work)
    _check_hash(archive, source.sha256, f"{source.name} {source.version}")
    take = _take_from_zip if zipfile.is_zipfile(archive) else _take_from_tar
    take(archive, source, folder)


def _normalize_name(name: str) -> str:
    """Return a name without the differences of packages and their archives: -, _, . and case."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip_download(source: PackageSource, work: Path) -> Path:
    """Return the archive, downloaded by pip with the user's settings: mirrors, proxies, caches."""
    downloads, scratch = work / "downloads", work / "scratch"
    scratch.mkdir()
    requirement = f"{source.name}=={source.version} --hash=sha256:{source.sha256}\n"
    (work / "requirements.txt").write_text(requirement, encoding="utf-8", newline="\n")
    kind = ["--only-binary=:all:"] if source.archive == "wheel" else ["--no-binary", source.name]
    # Only verbose output distinguishes a silent registry from one without the package.
    command = [sys.executable, "-m", "pip", "download", "-vv", "--no-input", "--no-color"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--ignore-requires-python"]
    # With a hash, pip checks the archive before it runs code of it for the metadata. Without
    # isolation it uses the installed setuptools instead of downloading one.
    command += ["--no-deps", "--no-build-isolation", *kind, "--dest", str(downloads)]
    command += ["--requirement", str(work / "requirements.txt")]
    console.echo(f"downloading {source.name} {source.version} with pip")
    output = _run_with_progress(command, scratch)
    archives = sorted(downloads.glob("*")) if downloads.is_dir() else []
    if len(archives) != 1:
        raise UserError(_pip_failure(output, source))
    return archives[0]


def _run_with_progress(command: list[str], scratch: Path) -> str:
    """Return the output of a command; report the size of its temporary folder meanwhile."""
    with subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        while True:
            try:
                return process.communicate(timeout=PROGRESS_INTERVAL)[0]
            except subprocess.TimeoutExpired:
                console.echo(f"{_size(scratch) / 1e6:,.1f} MB so far")


def _size(folder: Path) -> int:
    """Return the bytes in a folder that another process writes to."""
    size = 0
    with suppress(FileNotFoundError):  # a file was removed meanwhile
        for path in folder.rglob("*"):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _pip_failure(output: str, source: PackageSource) -> str:
    """Return one sentence for the output of pip."""
    package = f"{source.name}=={source.version}"
    actual = re.search(r"Got\s+([0-9a-f]{64})", output)
    if actual:
        return _wrong_hash(package, source.sha256, actual[1])
    versions = re.search(r"from versions: (.*?)\)", output)
    available = versions[1].split(", ") if versions and versions[1] != "none" else []
    if available:
        similar = close_match(source.version, available, cutoff=0)
        return (
            f"The package registry has no {source.archive} of {package}. Correct 'version' and "
            f"'sha256'; a similar version is {similar}."
        )
    if re.search(r"connection error|ConnectionError|Retrying \(|timed out|SSLError", output):
        return (
            f"{package} could not be downloaded because the package registry did not answer. Check "
            f"the network, or set {MIRROR} to a folder with the archive."
        )
    if versions:
        return (
            f"The package registry has no {source.archive} of a package '{source.name}'. Correct "
            "'name' or 'archive'."
        )
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    last = (errors or output.strip().splitlines() or ["no output"])[-1]
    return f"pip could not download {package}: {last.removeprefix('ERROR: ').strip().rstrip('.')}."


def _take_from_zip(archive: Path, source: PackageSource, folder: Path) -> None:
    limit = containers.size_limit(archive.stat().st_size)
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = {info.filename: info for info in opened.infolist() if not info.is_dir()}
            names = _matching_members(infos, source)
            if sum(infos[name].file_size for name in names) > limit:
                raise containers.too_large(_title(source), limit)
            for name in names:
                with opened.open(infos[name]) as stream:
                    _copy(stream, folder / PurePosixPath(name).name, infos[name].file_size)
    except containers.DAMAGE as error:
        raise _damaged(source, error) from None


def _take_from_tar(archive: Path, source: PackageSource, folder: Path) -> None:
    limit, size = containers.size_limit(archive.stat().st_size), 0
    inner = {}  # the members of an sdist are in one top folder, name-version
    try:
        with tarfile.open(archive) as opened:
            for info in opened:
                size += info.size
                if size > limit:
                    raise containers.too_large(_title(source), limit)
                if info.isfile():
                    inner[info.name.partition("/")[2]] = info
            for name in _matching_members(inner, source):
                stream = opened.extractfile(inner[name])
                assert stream is not None  # only links and folders have none
                with stream:
                    _copy(stream, folder / PurePosixPath(name).name, inner[name].size)
    except (tarfile.TarError, *containers.DAMAGE) as error:
        raise _damaged(source, error) from None


def _title(source: PackageSource) -> str:
    return f"The archive of {source.name} {source.version}"


def _damaged(source: PackageSource, error: Exception) -> Exception:
    """Return the error of a damaged archive; the system's own, as of a full disk, stay."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    reason = " ".join(str(error).split()).rstrip(".")
    return UserError(f"{_title(source)} is not a valid zip or tar file: {reason}.")


def _matching_members(members: Iterable[str], source: PackageSource) -> list[str]:
    """Return the sorted members that match `source.member`; * matches anything but a slash."""
    names = sorted(members)
    parts = [re.escape(part) for part in source.member.split("*")]
    pattern = re.compile("[^/]*".join(parts))
    matches = [name for name in names if pattern.fullmatch(name)]
    if not matches:
        raise UserError(
            f"{source.name} {source.version} has no member '{source.member}'"
            f"{did_you_mean(source.member, names)}: correct 'member'."
        )
    _check_distinct([PurePosixPath(name).name for name in matches], "member")
    return matches


# URLs -------------------------------------------------------------------------------------------


def _fetch_urls(source: UrlSource, folder: Path) -> None:
    _check_distinct(file_names(source), "downloads")
    for download in source.downloads:
        name = _file_name(download)
        target = folder / name
        mirrored = _find_in_mirror({name, _url_name(download)}.__contains__, download.sha256)
        if mirrored:
            shutil.copyfile(mirrored, target)
        else:
            _download(download, target)
        _check_hash(target, download.sha256, download.url)


def _file_name(download: Download) -> str:
    """Return the name of the file on disk."""
    return download.name or _url_name(download)


def _url_name(download: Download) -> str:
    """Return the last part of the URL."""
    name = PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(download.url).path)).name
    if not name:
        raise UserError(f"The URL '{download.url}' has no file name: set the URL of one file.")
    return name


def _download(download: Download, target: Path) -> None:
    request = urllib.request.Request(download.url, headers={"User-Agent": "seqproof"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            total = int(response.headers.get("Content-Length") or 0)
            copied = _copy(response, target, total)
    except urllib.error.HTTPError as error:
        error.close()
        raise UserError(
            f"{download.url} answered {error.code} ({error.reason}): correct 'url'."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        raise UserError(
            f"{download.url} could not be downloaded ({reason}). Check the URL and the "
            f"network, or set {MIRROR} to a folder with the file."
        ) from None
    if copied < total:
        raise UserError(
            f"The download of {download.url} stopped after {copied:,} of {total:,} bytes. Try "
            "again."
        )


# Files of the user, and generated files ---------------------------------------------------------


def _copy_files(source: FilesSource, folder: Path, root: Path) -> None:
    for name, file in user_files.find_files(source.paths, root).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _generate_dates(source: DatesSource, folder: Path, seed: int) -> None:
    from pipelines.data import synthetic_dates  # imports Babel, which other sources do not need

    pairs = synthetic_dates.date_pairs(source, seed)
    _write_table(folder / "dates.tsv", ("source", "target"), pairs)


def _generate_contrasts(source: ContrastsSource, folder: Path, seed: int) -> None:
    for split, rows in synthetic_contrasts.contrasts(source, seed).items():
        _write_table(folder / f"{split}.tsv", ("text", "label"), rows)


def _write_table(path: Path, columns: tuple[str, str], rows: Iterable[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{first}\t{second}\n" for first, second in [columns, *rows])


# Shared functions -------------------------------------------------------------------------------


def _find_in_mirror(matches: Callable[[str], bool], sha256: str) -> Path | None:
    """Return the file with a hash in the mirror; only files with a matching name are read."""
    if not os.environ.get(MIRROR):
        return None
    mirror = Path(os.environ[MIRROR])
    if not mirror.is_dir():
        raise UserError(f"{MIRROR} is '{mirror}', which is not a folder: correct or unset it.")
    paths = sorted(path for path in mirror.rglob("*") if matches(path.name) and path.is_file())
    return next((path for path in paths if file_sha256(path) == sha256), None)


def _copy(stream: IO[bytes], target: Path, total: int) -> int:
    """Copy a stream and return its size in bytes; `total` is the expected size, 0 if unknown."""
    copied = 0
    progress = console.progress(target.name, total / 1e6, "MB") if total else nullcontext()
    with target.open("xb") as file, progress as bar:
        while chunk := stream.read(CHUNK):
            file.write(chunk)
            copied += len(chunk)
            if bar:
                bar.advance(len(chunk) / 1e6)
    return copied


def _check_hash(path: Path, sha256: str, name: str) -> None:
    actual = file_sha256(path)
    if actual != sha256:
        raise UserError(_wrong_hash(name, sha256, actual))


def _wrong_hash(name: str, expected: str, actual: str) -> str:
    return (
        f"{name} has sha256 {actual} instead of {expected}: it is a different file. Correct "
        "'sha256' if you trust it."
    )


def _check_distinct(names: Sequence[str], key: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(
            f"'{key}' has two files '{repeated[0]}': all files of a corpus are in one folder."
        )
