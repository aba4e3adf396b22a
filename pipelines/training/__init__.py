"""Training: trainer, objectives, schedules, checkpoints and callbacks."""
