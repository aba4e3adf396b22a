"""Own expectations: built-in ones of Great Expectations with names, bounds and descriptions.

Quantities that no built-in expectation computes (tokens of a row, ratio of two lengths, a text that
training has, too) are numeric columns of a batch. What is known of the whole frame only (rates,
shares, distances) is a frame of one row.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports deprecated names
    import great_expectations.expectations as gxe

# Single rows -------------------------------------------------------------------------------------


class ExpectTaskColumns(gxe.ExpectTableColumnsToMatchOrderedList):
    """Expect document, line and the columns of the task, in this order."""

    description: str = "The columns are document, line and those of the task."


class ExpectText(gxe.ExpectColumnValuesToBeBetween):
    """Expect texts of at least one character or token."""

    min_value: float = 1
    description: str = "No text is empty."


class ExpectTextWithinMaxLength(gxe.ExpectColumnValuesToBeBetween):
    """Expect texts of at most `cleaning.max_length` tokens."""

    description: str = "No text has more than `cleaning.max_length` tokens."


class ExpectTextOfUsualLength(gxe.ExpectColumnValuesToBeBetween):
    """Expect no text that is many times as long as nearly all others.

    Such a text is a file without line ends, or rows that an open quote swallowed.
    """

    description: str = "No text is many times as long as 95 % of them."


class ExpectLabel(gxe.ExpectColumnValuesToNotBeNull):
    """Expect a label in every row."""

    column: str = "label"
    description: str = "Every row has a label."


class ExpectKnownLabel(gxe.ExpectColumnValuesToBeInSet):
    """Expect the labels of `checks.labels.values` only."""

    column: str = "label"
    description: str = "Every label is one of `checks.labels.values`."


class ExpectLabelForEachToken(gxe.ExpectColumnValuesToBeBetween):
    """Expect as many labels as tokens in every row."""

    column: str = "surplus labels"
    min_value: float = 0
    max_value: float = 0
    description: str = "Every text has a label for each token."


class ExpectValidTokenLabels(gxe.ExpectColumnValuesToBeBetween):
    """Expect labels of tokens that match the pattern of the task."""

    column: str = "invalid labels"
    max_value: float = 0
    description: str = "All labels of tokens match the pattern of the task."


class ExpectOneLabelPerText(gxe.ExpectColumnValuesToBeBetween):
    """Expect no text that has another label in another row."""

    column: str = "conflict"
    max_value: float = 0
    description: str = "No text has two labels."


class ExpectAlignedLengths(gxe.ExpectColumnValuesToBeBetween):
    """Expect aligned texts of similar lengths; where one file lacks a line, they differ."""

    column: str = "ratio"
    description: str = "Neither of two aligned texts is many times as long as the other."


class ExpectInOneSplit(gxe.ExpectColumnValuesToBeBetween):
    """Expect values that no earlier split has."""

    max_value: float = 0
    description: str = "No text is in two splits."


class ExpectNotInTraining(gxe.ExpectColumnValuesToBeBetween):
    """Expect validation and test texts that training does not have, whatever their case."""

    max_value: float = 0
    description: str = "No text is also in training."


# Whole frames ------------------------------------------------------------------------------------


class ExpectEnoughRows(gxe.ExpectColumnMinToBeBetween):
    """Expect a minimum number of rows."""

    column: str = "rows"
    description: str = "There are enough rows."


class ExpectReadableRows(gxe.ExpectColumnMaxToBeBetween):
    """Expect a small share of rows that the reader cannot read."""

    column: str = "bad rows"
    description: str = "The reader can read the rows."


class ExpectFewDroppedRows(gxe.ExpectColumnMaxToBeBetween):
    """Expect a small share of rows that cleaning drops."""

    column: str = "dropped"
    description: str = "Cleaning keeps most of the rows."


class ExpectAllLabels(gxe.ExpectColumnMaxToBeBetween):
    """Expect every label to occur in training."""

    column: str = "missing labels"
    max_value: float = 0
    description: str = "Every label occurs in training."


class ExpectKnownTokens(gxe.ExpectColumnMaxToBeBetween):
    """Expect a small share of tokens outside the vocabulary."""

    description: str = "Most tokens are in the vocabulary."


class ExpectSimilarUnknownRate(gxe.ExpectColumnMaxToBeBetween):
    """Expect about as many unknown tokens as in training."""

    description: str = "About as many tokens as in training are outside the vocabulary."


class ExpectSimilarLabels(gxe.ExpectColumnMaxToBeBetween):
    """Expect the label distribution of training."""

    column: str = "label drift"
    description: str = "The labels are distributed as in training."


class ExpectNoDrift(gxe.ExpectColumnMaxToBeBetween):
    """Expect new data that is distributed as the training data."""

    description: str = "New data is distributed as the training data."
