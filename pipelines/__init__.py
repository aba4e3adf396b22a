"""Library of the pipeline, one package for each concern."""
