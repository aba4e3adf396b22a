"""MLflow runs, models and registry: the only package that imports MLflow."""
