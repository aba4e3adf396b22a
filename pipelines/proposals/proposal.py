"""Proposal of a corpus and its models for some files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.config import task_schemas
from pipelines.errors import UserError
from pipelines.proposals import layouts
from pipelines.proposals.columns import choose
from pipelines.proposals.corpora import propose_corpus, reader_values
from pipelines.proposals.models import ModelProposal, propose_models
from pipelines.proposals.options import Options
from pipelines.proposals.statistics import Statistics, measure

# Keys of a corpus in the order of params.yaml; the reasons of the inner keys stand with the outer.
INNER = {"cleaning": ("lowercase", "max_length", "drop_repeated")}


class Proposal(NamedTuple):
    """Corpus and models for some files.

    Attributes:
        name: of the corpus.
        layout: of the files.
        values: of `corpora.<name>` but its source.
        reasons: of the keys; of an inner key by its own name.
        models: of the corpus.
        statistics: of the rows.
    """

    name: str
    layout: layouts.Layout
    values: dict[str, Any]
    reasons: dict[str, str]
    models: list[ModelProposal]
    statistics: Statistics

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the task."""
        return task_schemas.get(self.values["task"]).columns

    def comments(self) -> dict[str, str]:
        """Return the comment of each key of the corpus."""
        comments = {key: self.reasons[key] for key in self.values if key in self.reasons}
        for key, inner in INNER.items():
            parts = [f"{name}: {self.reasons[name]}" for name in inner if name in self.reasons]
            comments[key] = "; ".join(parts)
        bad = f", {self.statistics.bad_rows:,} unreadable" if self.statistics.bad_rows else ""
        comments[""] = f"{self.statistics.rows:,} rows{bad}"
        return comments


def propose(paths: Sequence[Path], name: str | None, options: Options) -> Proposal:
    """Return a corpus and models for some files.

    Args:
        paths: files, or one folder.
        name: of the corpus; None takes it from the files.
        options: values that a person has set.

    Raises:
        UserError: a file cannot be read or the files do not belong together; an option is invalid.
    """
    options = options.checked()
    layout = layouts.arrange(paths, options)
    choice = choose(layout, options)
    reader = reader_values(layout, choice)
    statistics = measure(layout, reader, choice.task, layout.folder)
    corpus = propose_corpus(choice, layout, reader, statistics, options)
    name = name or corpus_name(paths)
    tokens = corpus.values["tokens"]
    models = propose_models(name, choice.task, tokens, corpus.sizes)
    return Proposal(name, layout, corpus.values, corpus.reasons, models, statistics)


def corpus_name(paths: Sequence[Path]) -> str:
    """Return a name for the corpus of some files: that of the only file, or of their folder.

    Raises:
        UserError: it has no letter or digit.
    """
    path = paths[0].absolute()
    stem = path.name if path.is_dir() else path.name.split(".")[0]
    if not path.is_dir() and (len(paths) > 1 or layouts.part_of(stem)):
        words = [word for word in re.split(r"[^A-Za-z0-9]+", stem) if not layouts.part_of(word)]
        stem = "-".join(words) or path.parent.name
    ascii_name = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")
    if not name:
        raise UserError(f"{path.name} gives no name of a corpus: set --name, for instance reviews.")
    return name
