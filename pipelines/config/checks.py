"""`checks`: the rules that the data of a corpus must hold, with their numbers and levels.

The rules at the top of `params.yaml` are those of every corpus. `corpora.<name>.checks` changes
numbers or levels of single rules, or adds rules; a rule that neither has is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.types import ConfigModel, Count, Labels

Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Level = Literal["error", "warn"]


class RuleConfig(ConfigModel):
    """Rule of the level `error`, which stops the stage, or `warn`, which is shown only."""

    level: Level


class RowsRule(RuleConfig):
    """Minimum number of rows."""

    min: Count


class ShareRule(RuleConfig):
    """Maximum share, for example of rows that break a rule."""

    max: Share


class OutlierRule(RuleConfig):
    """Maximum length of a text, as a multiple of the length that 95 % of the texts keep to."""

    factor: Factor


class UnknownDriftRule(RuleConfig):
    """Maximum rate of unknown tokens, as a multiple of training's rate or as a surplus over it."""

    factor: Factor
    surplus: Share


class LabelsRule(RuleConfig):
    """Labels that may occur."""

    values: Labels | None = None


class LengthRatioRule(RuleConfig):
    """Maximum ratio of the lengths of two aligned texts; a `share` of the rows may exceed it."""

    share: Share
    max: Factor | None = None


class Checks(ConfigModel):
    """Rules of a corpus; None is a rule that is off."""

    rows: RowsRule | None = None
    bad_rows: ShareRule | None = None
    dropped: ShareRule | None = None
    empty: ShareRule | None = None
    length_outlier: OutlierRule | None = None
    labels: LabelsRule | None = None
    label_conflicts: ShareRule | None = None
    label_drift: ShareRule | None = None
    length_ratio: LengthRatioRule | None = None
    repeated: ShareRule | None = None
    overlap: ShareRule | None = None
    unknown_rate: ShareRule | None = None
    unknown_drift: UnknownDriftRule | None = None
    drift: ShareRule | None = None

    @property
    def label_values(self) -> tuple[str, ...]:
        """Labels that may occur; empty without a rule."""
        return (self.labels.values if self.labels else None) or ()


def with_common_rules(corpus: Any, common: Any) -> Any:
    """Return the entry of a corpus whose `checks` are complete: the common ones under its own.

    What is no map is returned as it is: validation names the error.

    Args:
        corpus: entry under `corpora` in the parsed `params.yaml`.
        common: `checks` at the top of `params.yaml`.
    """
    own = corpus.get("checks") if isinstance(corpus, Mapping) else None
    if not isinstance(own, Mapping) or not isinstance(common, Mapping):
        return corpus
    rules = {rule: _merge(common.get(rule), own.get(rule)) for rule in [*common, *own]}
    return {**corpus, "checks": rules}


def _merge(common: Any, own: Any) -> Any:
    if isinstance(common, Mapping) and isinstance(own, Mapping):
        return {**common, **own}
    return common if own is None else own
