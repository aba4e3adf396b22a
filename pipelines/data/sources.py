"""Where bytes come from: a pinned package archive, an address, the user's files, a generator.

Everything that comes from elsewhere is checked by its sha256 and never run, installed or imported.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
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
    Download,
    FilesSource,
    GeneratedSource,
    PackageSource,
    Source,
    UrlSource,
)
from pipelines.errors import UserError

MIRROR = "SEQPROOF_MIRROR"
TEXTS = "texts"  # the one folder of the user's that `fetch` depends on in dvc.yaml
TIMEOUT = 60.0  # seconds of silence after which a server is given up
WATCH = 10.0  # seconds between two words about a download
CHUNK = 1 << 20  # bytes


def fetch(source: Source, folder: Path, *, root: Path, seed: int) -> None:
    """Put the source's files into `folder`, flat, in place of whatever stood there.

    Args:
        source: where from.
        folder: it appears whole or not at all.
        root: the project's root, which paths of `files` start from.
        seed: for what is generated.

    Raises:
        Refusal: a wrong hash, a missing member or file, no network.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        ready, work = Path(temporary, "ready"), Path(temporary, "work")
        ready.mkdir()
        work.mkdir()
        match source:
            case PackageSource():
                _package(source, ready, work)
            case UrlSource():
                _downloads(source, ready)
            case FilesSource():
                _files(source, ready, root)
            case GeneratedSource():
                _generated(source, ready, seed)
        if folder.exists():
            folder.rename(work / "replaced")
        ready.rename(folder)


def names(source: Source) -> list[str]:
    """The fetched files in the order of `params.yaml`, where it names them one by one."""
    match source:
        case UrlSource():
            return [_last_part(download) for download in source.downloads]
        case FilesSource():
            return [Path(path).name for path in source.paths]
    return []


# Package archives -------------------------------------------------------------------------------


def _package(source: PackageSource, folder: Path, work: Path) -> None:
    start = _normal(f"{source.name}-{source.version}")
    archive = _mirrored(lambda name: _normal(name).startswith(start), source.sha256)
    archive = archive or _pip_download(source, work)
    _check_hash(archive, source.sha256, f"{source.name} {source.version}")
    take = _take_from_zip if zipfile.is_zipfile(archive) else _take_from_tar
    take(archive, source, folder)


def _normal(name: str) -> str:
    """Names of packages and of their archives differ in hyphens, underscores, dots and case."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip_download(source: PackageSource, work: Path) -> Path:
    """The archive, by the user's own pip settings: mirrors, proxies and caches are theirs."""
    downloads, scratch = work / "downloads", work / "scratch"
    scratch.mkdir()
    requirement = f"{source.name}=={source.version} --hash=sha256:{source.sha256}\n"
    (work / "requirements.txt").write_text(requirement, encoding="utf-8", newline="\n")
    kind = ["--only-binary=:all:"] if source.archive == "wheel" else ["--no-binary", source.name]
    # Less verbose, pip does not tell a silent registry from one without the package.
    command = [sys.executable, "-m", "pip", "download", "-vv", "--no-input", "--no-color"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--ignore-requires-python"]
    # With a hash, pip checks the archive before it runs any code of it for the metadata. Without
    # isolation it takes our setuptools, and does not reach for another.
    command += ["--no-deps", "--no-build-isolation", *kind, "--dest", str(downloads)]
    command += ["--requirement", str(work / "requirements.txt")]
    console.echo(f"downloading {source.name} {source.version} with pip")
    output = _watched(command, scratch)
    archives = sorted(downloads.glob("*")) if downloads.is_dir() else []
    if len(archives) != 1:
        raise UserError(_pip_failure(output, source))
    return archives[0]


def _watched(command: list[str], scratch: Path) -> str:
    """All that a command says; now and then how much it has put into its temporary folder."""
    with subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as running:
        while True:
            try:
                return running.communicate(timeout=WATCH)[0]
            except subprocess.TimeoutExpired:
                console.echo(f"{_size(scratch) / 1e6:,.1f} MB so far")


def _size(folder: Path) -> int:
    """Bytes of the files in a folder that another process is writing to."""
    size = 0
    with suppress(FileNotFoundError):  # one went away while we looked
        for path in folder.rglob("*"):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _pip_failure(output: str, source: PackageSource) -> str:
    """One sentence for what pip says in many lines."""
    what = f"{source.name}=={source.version}"
    got = re.search(r"Got\s+([0-9a-f]{64})", output)
    if got:
        return _wrong_hash(what, source.sha256, got[1])
    versions = re.search(r"from versions: (.*?)\)", output)
    known = versions[1].split(", ") if versions and versions[1] != "none" else []
    if known:
        near = difflib.get_close_matches(source.version, known, n=1, cutoff=0)[0]
        return (
            f"The package registry has no {source.archive} of {what}; the nearest version is "
            f"{near}: correct 'version' and 'sha256'."
        )
    if re.search(r"connection error|ConnectionError|Retrying \(|timed out|SSLError", output):
        return (
            f"{what} could not be downloaded, because the package registry did not answer: check "
            f"the network, or let {MIRROR} name a folder that holds the archive."
        )
    if versions:
        return (
            f"The package registry has no {source.archive} of a package called '{source.name}': "
            "correct 'name' or 'archive'."
        )
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    last = (errors or output.strip().splitlines() or ["it said nothing"])[-1]
    return f"pip could not download {what}: {last.removeprefix('ERROR: ').strip().rstrip('.')}."


def _take_from_zip(archive: Path, source: PackageSource, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        infos = {info.filename: info for info in opened.infolist() if not info.is_dir()}
        for name in _chosen(infos, source):
            with opened.open(infos[name]) as stream:
                _copy(stream, folder / PurePosixPath(name).name, infos[name].file_size)


def _take_from_tar(archive: Path, source: PackageSource, folder: Path) -> None:
    try:
        with tarfile.open(archive) as opened:
            # Members of an sdist lie in one top folder, name-version.
            inner = {info.name.partition("/")[2]: info for info in opened if info.isfile()}
            for name in _chosen(inner, source):
                stream = opened.extractfile(inner[name])
                assert stream is not None  # only links and folders have none
                with stream:
                    _copy(stream, folder / PurePosixPath(name).name, inner[name].size)
    except (tarfile.TarError, EOFError):
        what = f"{source.name} {source.version}"
        raise UserError(f"The archive of {what} is neither a sound zip nor tar file.") from None


def _chosen(members: Iterable[str], source: PackageSource) -> list[str]:
    """The members that `source.member` means, sorted; * stands for anything but a slash."""
    known = sorted(members)
    parts = [re.escape(part) for part in source.member.split("*")]
    pattern = re.compile("[^/]*".join(parts))
    chosen = [name for name in known if pattern.fullmatch(name)]
    if not chosen:
        raise UserError(
            f"{source.name} {source.version} has no member '{source.member}'"
            f"{_nearest(source.member, known)}: correct 'member'."
        )
    _refuse_same_names([PurePosixPath(name).name for name in chosen], "member")
    return chosen


# Addresses --------------------------------------------------------------------------------------


def _downloads(source: UrlSource, folder: Path) -> None:
    _refuse_same_names(names(source), "downloads")
    for download in source.downloads:
        name = _last_part(download)
        target = folder / name
        mirrored = _mirrored(name.__eq__, download.sha256)
        if mirrored:
            shutil.copyfile(mirrored, target)
        else:
            _download(download, target)
        _check_hash(target, download.sha256, download.url)


def _last_part(download: Download) -> str:
    name = PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(download.url).path)).name
    if not name:
        raise UserError(f"'{download.url}' ends without a file name: give the address of one file.")
    return name


def _download(download: Download, target: Path) -> None:
    request = urllib.request.Request(download.url, headers={"User-Agent": "seqproof"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            total = int(response.headers.get("Content-Length") or 0)
            done = _copy(response, target, total)
    except urllib.error.HTTPError as error:
        error.close()
        raise UserError(
            f"{download.url} answers {error.code} ({error.reason}): correct 'url'."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"{download.url} could not be downloaded ({reason}): check the address and the "
            f"network, or let {MIRROR} name a folder that holds the file."
        ) from None
    if done < total:
        raise UserError(f"{download.url} broke off after {done:,} of {total:,} bytes: try again.")


# The user's files, and generated ones -----------------------------------------------------------


def _files(source: FilesSource, folder: Path, root: Path) -> None:
    _refuse_same_names(names(source), "paths")
    texts = (root / TEXTS).resolve()
    for given in source.paths:
        path = (root / given).resolve()
        if not path.is_relative_to(texts):
            raise UserError(
                f"'{given}' lies outside {TEXTS}/, where DVC would not see it change: "
                f"move it there, and name it '{TEXTS}/{path.name}'."
            )
        if not path.is_file():
            files = (file for file in texts.rglob("*") if file.is_file())
            known = [str(file.relative_to(texts.parent)) for file in files]
            raise UserError(f"There is no file '{given}'{_nearest(given, known)}.")
        shutil.copyfile(path, folder / path.name)


def _generated(source: GeneratedSource, folder: Path, seed: int) -> None:
    from pipelines.data import synthetic_dates  # Babel is of no use to the other kinds

    pairs = synthetic_dates.dates(source, seed)
    with (folder / f"{source.generator}.tsv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("source\ttarget\n")
        file.writelines(f"{human}\t{iso}\n" for human, iso in pairs)


# What the kinds share ---------------------------------------------------------------------------


def _mirrored(fits: Callable[[str], bool], sha256: str) -> Path | None:
    """The file of that hash in the mirror; only those whose name fits are read."""
    if not os.environ.get(MIRROR):
        return None
    mirror = Path(os.environ[MIRROR])
    if not mirror.is_dir():
        raise UserError(f"{MIRROR} is set to '{mirror}', which is no folder: correct or unset it.")
    near = sorted(path for path in mirror.rglob("*") if fits(path.name) and path.is_file())
    return next((path for path in near if _sha256(path) == sha256), None)


def _copy(stream: IO[bytes], target: Path, total: int) -> int:
    """Copy to the end, and count the bytes; `total` is 0 where nobody says it beforehand."""
    done = 0
    shown = console.progress(target.name, total / 1e6, "MB") if total else nullcontext()
    with target.open("xb") as file, shown as bar:
        while chunk := stream.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if bar:
                bar.advance(len(chunk) / 1e6)
    return done


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_hash(path: Path, sha256: str, what: str) -> None:
    got = _sha256(path)
    if got != sha256:
        raise UserError(_wrong_hash(what, sha256, got))


def _wrong_hash(what: str, wanted: str, got: str) -> str:
    return (
        f"{what} has sha256 {got} instead of {wanted}: "
        "it is not the file that was meant; correct 'sha256' if you trust it."
    )


def _nearest(given: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.3)
    return f"; the nearest is '{near[0]}'" if near else ""


def _refuse_same_names(bases: Sequence[str], key: str) -> None:
    twice = sorted({name for name in bases if bases.count(name) > 1})
    if twice:
        raise UserError(
            f"'{key}' gives two files called '{twice[0]}', and they would share a place."
        )
