"""When it is done, and to which files: one verb for each stage of dvc.yaml."""
