"""ReLU cell whose recurrent kernel starts as the identity (Le et al. 2015)."""

from __future__ import annotations

from pipelines.layers.cells.rnn import SimpleCell

CELL = SimpleCell("relu", "identity")
