"""Analysis of one evaluated model: everything that its pictures show, as one JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipelines import files
from pipelines.errors import UserError
from pipelines.types import ConfigModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Number = Annotated[int, Field(ge=0, lt=2**63)]

DIGITS = 6  # significant digits of every number in the file


@dataclass(frozen=True)
class LengthScores:
    """A score in K buckets of test items, the shortest items first.

    Attributes:
        length: what is counted, `source tokens` for instance.
        score: the name of the score, with its unit if it has one.
        longest: the length of the longest item in each bucket.
        counts: the number of items in each bucket.
        values: the score of each bucket.
    """

    length: str
    score: str
    longest: tuple[int, ...]
    counts: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class AttentionMap:
    """The attention of one translation.

    Attributes:
        weights: (T, S), the attention of each target token over the source tokens.
        source: S tokens.
        target: T tokens.
    """

    weights: npt.NDArray[np.float64]
    source: tuple[str, ...]
    target: tuple[str, ...]


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of L labels.

    Attributes:
        labels: L labels.
        counts: (L, L), examples by actual label (row) and predicted label (column).
    """

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """Examples by their confidence, in B equally wide bins from 0 to 1; an empty bin is all 0.

    Attributes:
        counts: (B,), examples of each bin.
        confidence: (B,), their mean confidence.
        accuracy: (B,), the fraction of them that is right.
    """

    counts: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """Analysis of a model on its test split; for several seeds, that of the first seed.

    Attributes:
        lengths: a score by the length of the test items.
        attention: for translation with attention, the maps of the first test items.
        confusion: for classification.
        reliability: for classification.
        sample: for language modelling, a text that the model wrote.
    """

    lengths: LengthScores
    attention: tuple[AttentionMap, ...] = ()
    confusion: Confusion | None = None
    reliability: Reliability | None = None
    sample: str | None = None


def write_analysis(analysis: Analysis, path: Path) -> None:
    """Write an analysis as JSON: the same bytes for the same analysis."""
    files.write_json(path, _plain(analysis))


def read_analysis(path: Path) -> Analysis:
    """Read the file that `write_analysis` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        return _restored(files.read_json(path, _AnalysisFile))
    except FileNotFoundError:
        problem = "is missing"
    except ValueError:
        problem = "is damaged"
    raise UserError(f"{path} {problem}. Run `seqproof run` to write it again.")


class _LengthsFile(ConfigModel):
    length: str
    score: str
    longest: tuple[Number, ...]
    counts: tuple[Number, ...]
    values: tuple[float, ...]


class _AttentionFile(ConfigModel):
    weights: tuple[tuple[float, ...], ...]
    source: tuple[str, ...]
    target: tuple[str, ...]


class _ConfusionFile(ConfigModel):
    labels: tuple[str, ...]
    counts: tuple[tuple[Number, ...], ...]


class _ReliabilityFile(ConfigModel):
    counts: tuple[Number, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]


class _AnalysisFile(ConfigModel):
    """Types of the JSON file."""

    lengths: _LengthsFile
    attention: tuple[_AttentionFile, ...]
    confusion: _ConfusionFile | None
    reliability: _ReliabilityFile | None
    sample: str | None


def _restored(content: _AnalysisFile) -> Analysis:
    """Return the analysis of a file; raise ValueError if the sizes of its parts do not agree."""
    import numpy as np

    lengths, confusion, reliability = content.lengths, content.confusion, content.reliability
    if not 0 < len(lengths.longest) == len(lengths.counts) == len(lengths.values):
        raise ValueError("lengths")
    if reliability and len({len(values) for _, values in reliability}) > 1:
        raise ValueError("reliability")
    return Analysis(
        lengths=LengthScores(**dict(lengths)),
        attention=tuple(
            AttentionMap(
                np.array(attention.weights, np.float64).reshape(
                    len(attention.target), len(attention.source)
                ),
                attention.source,
                attention.target,
            )
            for attention in content.attention
        ),
        confusion=None
        if confusion is None
        else Confusion(
            confusion.labels,
            np.array(confusion.counts, np.int64).reshape(2 * [len(confusion.labels)]),
        ),
        reliability=None
        if reliability is None
        else Reliability(
            np.array(reliability.counts, np.int64),
            np.array(reliability.confidence, np.float64),
            np.array(reliability.accuracy, np.float64),
        ),
        sample=content.sample,
    )


def _plain(value: Any) -> Any:
    """Return plain lists, dictionaries, texts and rounded numbers."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "tolist"):  # an array
        return _plain(value.tolist())
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
