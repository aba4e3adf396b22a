import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipelines.config import params
from pipelines.data import sources
from pipelines.errors import UserError

NO_HASH = "0" * 64


def parse(**tree: Any) -> params.Source:
    return TypeAdapter[params.Source](params.Source).validate_python(tree)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sources.MIRROR, raising=False)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.setenv(sources.MIRROR, str(folder.parent))
    return folder


def fetch(source: params.Source, tmp_path: Path, seed: int = 1) -> dict[str, bytes]:
    folder = tmp_path / "raw" / "x"
    sources.fetch(source, folder, root=tmp_path, seed=seed)
    assert [path.name for path in folder.parent.iterdir()] == ["x"], "no temporary files"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def error_of(source: params.Source, tmp_path: Path) -> str:
    """Return the error message, and check that the old folder is unchanged."""
    old = tmp_path / "raw" / "x" / "old"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(b"old")
    with pytest.raises(UserError) as error:
        sources.fetch(source, old.parent, root=tmp_path, seed=1)
    assert [path.name for path in (tmp_path / "raw").rglob("*")] == ["x", "old"]
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# Package archives


def wheel(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


PLAYS = {
    "p/plays/b/two.md": "2",
    "p/plays/a/one.md": "1",
    "p/plays/a/deep/three.md": "no",
    "p/plays/README.md": "no",
    "p/x.db": "d",
}


def package(data: bytes, **changes: Any) -> params.Source:
    tree = {
        "kind": "package",
        "name": "Some.Package",
        "version": "1.0",
        "archive": "wheel",
        "sha256": sha256(data),
        "member": "p/plays/*/*.md",
    }
    return parse(**{**tree, **changes})


def test_members_of_a_mirrored_wheel_are_in_one_folder(mirror: Path, tmp_path: Path) -> None:
    data = wheel(**PLAYS)
    (mirror / "some_package-1.0-py3-none-any.whl").write_bytes(data)
    (mirror / "some_package-1.0-other.whl").write_bytes(b"of another hash")
    assert fetch(package(data), tmp_path) == {"one.md": b"1", "two.md": b"2"}
    assert fetch(package(data, member="p/x.db"), tmp_path) == {"x.db": b"d"}


def test_members_of_an_sdist_are_named_without_its_top_folder(mirror: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("some_package-1.0/data/a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("some_package-1.0/data/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (mirror / "some_package-1.0.tar.gz").write_bytes(packed.getvalue())
    source = package(packed.getvalue(), archive="sdist", member="data/*.txt")
    assert fetch(source, tmp_path) == {"a.txt": b"abc"}


def test_a_missing_member_suggests_a_similar_one(mirror: Path, tmp_path: Path) -> None:
    data = wheel(**PLAYS)
    (mirror / "some_package-1.0-py3-none-any.whl").write_bytes(data)
    message = error_of(package(data, member="p/y.db"), tmp_path)
    assert "has no member 'p/y.db' (did you mean 'p/x.db'?)" in message


def test_two_members_with_the_same_name_are_refused(mirror: Path, tmp_path: Path) -> None:
    data = wheel(**{"p/a/one.md": "1", "p/b/one.md": "2"})
    (mirror / "some_package-1.0-py3-none-any.whl").write_bytes(data)
    assert "'member' has two files 'one.md'" in error_of(package(data, member="p/*/*.md"), tmp_path)


def test_an_unreadable_archive_is_refused(mirror: Path, tmp_path: Path) -> None:
    (mirror / "some_package-1.0.tar.gz").write_bytes(b"nothing packed")
    assert "not a valid zip or tar" in error_of(package(b"nothing packed"), tmp_path)


def test_a_mirror_must_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.MIRROR, str(tmp_path / "none"))
    assert "SEQPROOF_MIRROR is '" in error_of(package(b""), tmp_path)


def pip_settings(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Set pip's options, without the machine's indexes and caches."""
    offline = {"CONFIG_FILE": "/dev/null", "EXTRA_INDEX_URL": "", "FIND_LINKS": "", "RETRIES": "0"}
    for key, value in {**offline, "NO_CACHE_DIR": "1", **settings}.items():
        monkeypatch.setenv(f"PIP_{key}", value)


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Make a folder with one wheel in place of the package registry."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    information = "some_package-1.0.dist-info"
    data = wheel(
        **PLAYS,
        **{
            f"{information}/METADATA": "Metadata-Version: 2.1\nName: some-package\nVersion: 1.0",
            f"{information}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
            f"{information}/RECORD": "",
        },
    )
    (folder / "some_package-1.0-py3-none-any.whl").write_bytes(data)
    pip_settings(monkeypatch, NO_INDEX="1", FIND_LINKS=str(folder))
    return data


def test_pip_downloads_without_a_mirror(
    wheelhouse: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sources, "PROGRESS_INTERVAL", 0.05)
    assert fetch(package(wheelhouse, member="p/x.db"), tmp_path) == {"x.db": b"d"}
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "downloading Some.Package 1.0 with pip"
    assert others
    assert all(line.endswith("MB so far") for line in others)


def test_errors_of_pip_become_one_message(wheelhouse: bytes, tmp_path: Path) -> None:
    actual = sha256(wheelhouse)
    message = error_of(package(wheelhouse, sha256=NO_HASH), tmp_path)
    assert f"has sha256 {actual} instead of {NO_HASH}" in message
    message = error_of(package(wheelhouse, version="1.1"), tmp_path)
    assert re.search(r"no wheel of Some\.Package==1\.1.*'version'.* 1\.0\.$", message)
    message = error_of(package(wheelhouse, name="other"), tmp_path)
    assert re.search("no wheel of a package 'other'.*'name'", message)


def test_no_network_differs_from_no_such_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_settings(monkeypatch, INDEX_URL="http://127.0.0.1:1/simple")
    assert "the package registry did not answer" in error_of(package(b""), tmp_path)


# URLs


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        if self.path != "/short":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"too little")
        return None


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def urls(*downloads: tuple[str, str]) -> params.Source:
    return parse(kind="url", downloads=[{"url": url, "sha256": hash_} for url, hash_ in downloads])


def test_urls_are_downloaded_and_keep_their_order(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "b c.txt").write_bytes(b"bees")
    (site / "a.txt").write_bytes(b"ants")
    with serve(site) as host:
        source = urls(
            (f"{host}/b%20c.txt?raw=1", sha256(b"bees")),
            ((site / "a.txt").as_uri(), sha256(b"ants")),
        )
        assert fetch(source, tmp_path) == {"a.txt": b"ants", "b c.txt": b"bees"}
    assert sources.file_names(source) == ["b c.txt", "a.txt"]


def test_the_mirror_replaces_the_network(mirror: Path, tmp_path: Path) -> None:
    (mirror / "a.txt").write_bytes(b"ants")
    source = urls(("http://127.0.0.1:1/a.txt", sha256(b"ants")))
    assert fetch(source, tmp_path) == {"a.txt": b"ants"}


def test_files_that_are_named_alike_get_other_names_on_disk(mirror: Path, tmp_path: Path) -> None:
    downloads = []
    for part, content in {"train": b"ants", "test": b"bees"}.items():
        (mirror / part).mkdir()
        (mirror / part / "a.in").write_bytes(content)
        url = f"http://127.0.0.1:1/{part}/a.in"
        downloads.append({"url": url, "sha256": sha256(content), "name": f"{part}.in"})
    twice = parse(kind="url", downloads=[downloads[0], {**downloads[1], "name": "train.in"}])
    assert "'downloads' has two files 'train.in'" in error_of(twice, tmp_path)
    source = parse(kind="url", downloads=downloads)
    assert fetch(source, tmp_path) == {"train.in": b"ants", "test.in": b"bees"}
    assert sources.file_names(source) == ["train.in", "test.in"]


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a"])
def test_a_name_on_disk_is_no_path(name: str) -> None:
    download = {"url": "http://127.0.0.1:1/a", "sha256": NO_HASH, "name": name}
    with pytest.raises(ValidationError, match="name"):
        parse(kind="url", downloads=[download])


def test_failed_downloads_are_one_message(tmp_path: Path, mirror: Path) -> None:
    (mirror / "a.txt").write_bytes(b"of another hash")
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.txt").write_bytes(b"ants")
    with serve(site) as host:
        message = error_of(urls((f"{host}/a.txt", NO_HASH)), tmp_path)
        assert f"/a.txt has sha256 {sha256(b'ants')} instead of {NO_HASH}" in message
        assert "answered 404" in error_of(urls((f"{host}/none.txt", NO_HASH)), tmp_path)
        assert "stopped after 10 of 100" in error_of(urls((f"{host}/short", NO_HASH)), tmp_path)
        assert "has no file name" in error_of(urls((f"{host}/", NO_HASH)), tmp_path)
        twice = urls((f"{host}/a.txt", NO_HASH), (f"{host}/b/a.txt", NO_HASH))
        assert "'downloads' has two files 'a.txt'" in error_of(twice, tmp_path)
    closed = error_of(urls(("http://127.0.0.1:1/a.txt", NO_HASH)), tmp_path)
    assert re.search("127.0.0.1:1/a.txt could not be downloaded.*SEQPROOF_MIRROR", closed)
    nowhere = (tmp_path / "none.txt").as_uri()
    assert "could not be downloaded" in error_of(urls((nowhere, NO_HASH)), tmp_path)


def test_secrets_of_a_url_are_not_printed(tmp_path: Path) -> None:
    message = error_of(urls(("http://127.0.0.1:1/a.txt?id=SECRET#SECRET", NO_HASH)), tmp_path)
    assert "127.0.0.1:1/a.txt could not be downloaded" in message
    assert "SECRET" not in message
    with pytest.raises(ValidationError, match="has a user or a password"):
        urls(("http://u:SECRET@127.0.0.1:1/a.txt", NO_HASH))
    for name in ("token", "X-Amz-Signature", "sig", "api_key"):
        with pytest.raises(ValidationError, match=f"has a secret, '{name}'"):
            urls((f"http://127.0.0.1:1/a.txt?raw=true&{name}=SECRET", NO_HASH))


def test_an_archive_that_unpacks_to_too_much_is_refused(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.containers, "FREE_SIZE", 100)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/x.db", "d" * 101_000)
    for data in (packed.getvalue(), packed.getvalue()[:-9]):
        (mirror / "some_package-1.0-py3-none-any.whl").write_bytes(data)
        problem = "unpacks to more than" if data == packed.getvalue() else "not a valid zip or tar"
        assert problem in error_of(package(data, member="p/x.db"), tmp_path)


def test_a_later_failure_leaves_no_earlier_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"ants")
    good, bad = (tmp_path / "a.txt").as_uri(), (tmp_path / "b.txt").as_uri()
    error_of(urls((good, sha256(b"ants")), (bad, NO_HASH)), tmp_path)


# Files of the user, and generated files


def test_files_are_copied(tmp_path: Path) -> None:
    (tmp_path / "texts" / "deep").mkdir(parents=True)
    (tmp_path / "texts" / "deep" / "b.txt").write_bytes(b"b\r\n")
    source = parse(kind="files", paths=["texts/deep/b.txt"])
    assert fetch(source, tmp_path) == {"b.txt": b"b\r\n"}
    assert sources.file_names(source) == ["b.txt"]


def test_files_outside_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "poems.txt").write_bytes(b"x")
    (tmp_path / "poems.txt").write_bytes(b"x")
    (tmp_path / "texts" / "way-out").symlink_to(tmp_path / "poems.txt")
    for path in ("poems.txt", "texts/../poems.txt", str(tmp_path / "poems.txt"), "texts/way-out"):
        message = error_of(parse(kind="files", paths=[path]), tmp_path)
        assert "is outside texts/" in message
    message = error_of(parse(kind="files", paths=["texts/poem.txt"]), tmp_path)
    assert "no file 'texts/poem.txt' (did you mean 'texts/poems.txt'?)" in message


def test_patterns_and_folders_are_copied(tmp_path: Path) -> None:
    for name in ("good/1.txt", "bad/1.txt", "bad/2.csv"):
        file = tmp_path / "texts" / "films" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, encoding="utf-8")
    source = parse(kind="files", paths=["texts/films/*/*.csv"])
    assert fetch(source, tmp_path) == {"2.csv": b"bad/2.csv"}
    assert sources.file_names(source) == ["*.csv"]
    folder = tmp_path / "raw" / "x"
    sources.fetch(parse(kind="files", paths=["texts/films"]), folder, root=tmp_path, seed=1)
    assert (folder / "good" / "1.txt").read_bytes() == b"good/1.txt"
    assert (folder / "bad" / "1.txt").read_bytes() == b"bad/1.txt"


def test_generated_dates_are_one_table(tmp_path: Path) -> None:
    source = parse(
        kind="generated",
        generator="dates",
        examples=20,
        start="1990-01-01",
        end="1999-12-31",
        locales=["fr"],
    )
    files = fetch(source, tmp_path)
    lines = files["dates.tsv"].decode("utf-8").splitlines()
    assert lines[0] == "source\ttarget"
    assert len(lines) == 21
    assert files == fetch(source, tmp_path)
    assert files != fetch(source, tmp_path, seed=2)
