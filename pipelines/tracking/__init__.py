"""MLflow runs, models and registry. The only package that imports MLflow."""
