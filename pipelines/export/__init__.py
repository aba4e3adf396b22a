"""Trained models in the formats of other programs: SavedModel and ONNX."""
