"""What the tutorial says in words about results, asserted on the results.

Each function is named after a sentence and takes a folder of outs: `docs/tutorial/outs`, or a
project in which the stages have run.
"""

import inspect
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.contract.imports import ROOT

OUTS = ROOT / "docs" / "tutorial" / "outs"


def the_lstm_learns_the_adding_task_at_lag_40(outs: Path) -> None:
    table = pd.read_csv(outs / "experiments/memory/adding.csv")
    chosen = table[table["chosen"] & (table["lag"] == 40) & (table["cell"] == "lstm-forget-1")]
    assert (chosen["test_loss"] < 0.1 * chosen["baseline"]).all()


CLAIMS = [
    function
    for function in vars(sys.modules[__name__]).values()
    if inspect.isfunction(function)
    and list(inspect.signature(function).parameters) == ["outs"]
    and not function.__name__.startswith("test_")
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claims_hold_for_the_default_run(claim):
    claim(OUTS)
