"""HTTP server of a trained model: MLflow's protocol, batches, limits and a moving champion."""
