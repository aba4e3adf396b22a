"""Columns and corpus keys of each task: one table for the config, the data and the tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import UserError, suggest
from pipelines.types import Task


@dataclass(frozen=True)
class TaskSchema:
    """Columns of a task's frames, and the keys of its corpora.

    Attributes:
        name: value of `corpora.<name>.task`.
        columns: columns after `document` and `line`, in order.
        label_column: the column of labels, if the task has one; all others hold text.
        labels_per_token: the column has a label for each token of the text, separated by blanks;
            otherwise it has one label.
        label_pattern: regular expression of a label; None for any text.
        split_columns: further columns that `split.by` may name.
        running_text: whether the rows are one text: a contiguous split cuts it by characters.
        required_keys: dotted keys of a corpus that no other task needs.
        optional_keys: dotted keys of a corpus that no other task may have.
        protocol_keys: keys of a published number's protocol that metrics of the task may need.
        validation_score: score that chooses the best epoch, the column `valid_<score>` of the
            history; None if the validation loss does.
        validation_score_of_characters: the same for texts of characters, if it is another one.
    """

    name: Task
    columns: tuple[str, ...]
    label_column: str | None = None
    labels_per_token: bool = False
    label_pattern: str | None = None
    split_columns: tuple[str, ...] = ()
    running_text: bool = False
    required_keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = ()
    protocol_keys: tuple[str, ...] = ()
    validation_score: str | None = None
    validation_score_of_characters: str | None = None

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that hold tokens: all but the label."""
        return tuple(column for column in self.columns if column != self.label_column)

    @property
    def keys(self) -> tuple[str, ...]:
        """Dotted keys of a corpus that belong to this task."""
        return self.required_keys + self.optional_keys


SCHEMAS: Mapping[str, TaskSchema] = {
    schema.name: schema
    for schema in (
        TaskSchema(
            name="language_modelling",
            columns=("text",),
            split_columns=("document",),
            running_text=True,
            required_keys=("samples",),
            protocol_keys=("context",),
        ),
        TaskSchema(
            name="classification",
            columns=("text", "label"),
            label_column="label",
            required_keys=("checks.labels.values",),
            validation_score="macro_f1",
        ),
        TaskSchema(
            name="tagging",
            columns=("text", "tags"),
            label_column="tags",
            labels_per_token=True,
            label_pattern=r"O|[BI]-\S+",  # IOB: outside, beginning and inside of a span
            validation_score="span_f1",
        ),
        TaskSchema(
            name="translation",
            columns=("source", "target"),
            split_columns=("line",),
            required_keys=("checks.length_ratio.max",),
            optional_keys=("search", "vocabulary.shared"),
            protocol_keys=("decoding", "tokens", "case", "teacher_forcing"),
            validation_score="bleu",
            validation_score_of_characters="exact_match",
        ),
    )
}
# Keys that belong to some tasks only; every other key is for all of them.
TASK_KEYS = tuple(dict.fromkeys(key for schema in SCHEMAS.values() for key in schema.keys))


def get(task: str) -> TaskSchema:
    """Return the schema of a task.

    Raises:
        UserError: there is no such task.
    """
    if task not in SCHEMAS:
        raise UserError(f"There is no task '{task}'{suggest(task, SCHEMAS)}.")
    return SCHEMAS[task]


def tasks_with(key: str) -> list[str]:
    """Return the names of the tasks whose corpora may have a key."""
    return [schema.name for schema in SCHEMAS.values() if key in schema.keys]
