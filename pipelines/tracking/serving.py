"""MLflow model for loading and serving: text in, text out.

MLflow runs this file by its path ("models from code"), so that nothing is pickled. No module
imports it: `mlflow_format.save_model` passes its path to MLflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

MODEL, VOCABULARY = "model", "vocabulary"  # names of the artifacts of the logged model


class TextModel(mlflow.pyfunc.PythonModel):
    """Trained model with its vocabulary: returns the prediction for each text."""

    _predictor: Predictor

    def load_context(self, context: Any) -> None:
        """Load the weights, once per process."""
        # Imported here because logging a model imports this file and must not load TensorFlow.
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
        """Return one text per input text.

        Raises:
            MlflowException: a text is empty; MLflow's scoring server answers 400.
        """
        from pipelines.errors import UserError
        from pipelines.tasks import lookup

        task = lookup.get(self._predictor.spec.task)
        try:
            return task.predict(self._predictor, list(model_input))
        except UserError as error:
            raise mlflow.exceptions.MlflowException(
                str(error), mlflow.protos.databricks_pb2.INVALID_PARAMETER_VALUE
            ) from None


mlflow.models.set_model(TextModel())
