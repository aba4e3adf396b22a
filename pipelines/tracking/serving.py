"""The model as MLflow loads and serves it: text in, text out.

MLflow runs this file by its path ("models from code"), so nothing is ever pickled. It is no part
of the walk: only `runs.Run.log_model` hands its path to MLflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

MODEL, VOCABULARY = "model", "vocabulary"  # the artifacts' names inside the logged model


class TextModel(mlflow.pyfunc.PythonModel):
    """A trained model with its vocabulary: a label, a translation or a continuation per text."""

    _predictor: Predictor

    def load_context(self, context: Any) -> None:
        """Load the weights once, when MLflow loads the model."""
        # TensorFlow is imported here and not above: logging a model must not load it again.
        from pipelines.config.params import Samples, Search
        from pipelines.inference import predictor

        config = context.model_config or {}
        samples, search = config.get("samples"), config.get("search")
        self._predictor = predictor.load(
            Path(context.artifacts[MODEL]),
            Path(context.artifacts[VOCABULARY]),
            Samples.model_validate(samples) if samples else None,
            Search.model_validate(search) if search else None,
        )

    def predict(
        self, context: Any, model_input: list[str], params: dict[str, Any] | None = None
    ) -> list[str]:
        """One text for every text."""
        return self._predictor.predict(list(model_input))


mlflow.models.set_model(TextModel())
