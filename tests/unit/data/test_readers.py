"""Every module of the readers' package is a reader that params.yaml accepts."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.config import params, task_schemas
from pipelines.data.readers import lookup
from pipelines.types import TASKS

WORD_READER = '''
from typing import ClassVar, Literal

from pipelines.data.readers.base import TextReader


class WordReader(TextReader):
    """Reader of one row per word."""

    format: Literal["shout"]
    sign: str
    tasks: ClassVar = ("language_modelling",)

    def read_file(self, file, columns):
        """Yield the words of a file, each with a sign."""
        for number, line in enumerate(self.lines(file), start=1):
            for word in line.split():
                yield file.name, number, word + self.sign


READER = WordReader
'''
# The script sees one folder more than this process: a reader in a file of its own.
SCRIPT = """
import sys
import pipelines.data.readers as package
package.__path__.append(sys.argv[1])

from pathlib import Path
from pipelines.config import params
from pipelines.data import corpus
loaded = params.load(Path(sys.argv[2]))
for name in ("plain", "mixed"):
    entry = loaded.corpora[name]
    rows = corpus.read(Path(sys.argv[3]), entry.reader, entry.task)
    print(name, *(text for _, _, text in rows))
try:
    entry.reader.check_task("translation", ("source", "target"))
except ValueError as error:
    print(error)
"""
CORPORA = """
corpora:
  plain: &plain
    task: language_modelling
    source: {kind: files, paths: [texts/a.txt]}
    reader: {format: shout, sign: "!"}
    cleaning: {unicode: NFC, lowercase: false, max_length: 9, drop_repeated: false}
    tokens: words
    split: {method: contiguous, valid: 0.1, test: 0.1}
    vocabulary: {max_size: 9, min_count: 1}
    checks: {}
    samples: {beginning: "a", length: 1, temperature: 1.0}
  mixed:
    <<: *plain
    reader: {format: by_file, files: {a.txt: {format: shout, sign: "?"}}}
seed: 1
data_seed: 1
threads: 1
tracking: {experiment_prefix: ""}
checkpoints: {every: 1}
data: {engine: local}
checks: {}
models: {baseline: {}, lstm: {}, fine_tuned: {}, seq2seq: {}}
experiments: {cells: {}, backpropagation: {}, memory: {}, word_order: {}, source_length: {}}
goals: []
"""


def test_a_new_reader_is_one_file(tmp_path: Path) -> None:
    for folder in ("readers", "raw"):
        (tmp_path / folder).mkdir()
    (tmp_path / "readers" / "shout.py").write_text(WORD_READER, encoding="utf-8")
    (tmp_path / "raw" / "a.txt").write_text("one two\n", encoding="utf-8")
    (tmp_path / "params.yaml").write_text(CORPORA, encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("readers", "params.yaml", "raw")]
    output = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.splitlines() == [
        "plain one! two!",
        "mixed one? two?",
        "'reader.format: shout' is for language_modelling, and this corpus is for translation",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "READER must be a subclass"),
        (WORD_READER.replace("shout", "whisper"), r"format must be Literal\['shout'\]"),
    ],
)
def test_a_module_that_is_no_reader_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "shout.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(lookup.package, "__path__", [*lookup.package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipelines.data.readers.shout", raising=False)
    with pytest.raises(TypeError, match=message):
        lookup.find_readers()
    sys.modules.pop("pipelines.data.readers.shout", None)


def test_every_task_has_a_schema_and_a_reader() -> None:
    assert set(task_schemas.SCHEMAS) == set(TASKS)
    for task in TASKS:
        assert any(task in reader.tasks for reader in lookup.find_readers().values())
    assert set(params.TASK_OF.values()) == set(TASKS)
