"""Hashes of files and folders."""

from pathlib import Path

from pipelines.lineage import hashing


def test_the_md5_of_a_file_is_that_of_dvc(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"hello")
    assert hashing.file_md5(file) == "5d41402abc4b2a76b9719d911017c592"


def test_the_hash_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    def folder_hash(name: str, files: dict[str, str]) -> str:
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return hashing.folder_sha256(tmp_path / name)

    first = folder_hash("first", {"a": "1", "b/c": "2"})
    assert folder_hash("other order", {"b/c": "2", "a": "1"}) == first
    assert folder_hash("content", {"a": "1", "b/c": "3"}) != first
    assert folder_hash("name", {"a": "1", "b/d": "2"}) != first
    assert folder_hash("swapped", {"a": "2", "b/c": "1"}) != first
