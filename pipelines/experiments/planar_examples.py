"""Points in the plane with two labels that no straight line separates."""

from __future__ import annotations

import numpy as np

from pipelines.experiments.activations import Array

RADII = (0.6, 1.5)  # of the inner and the outer circle


def xor(random: np.random.Generator, examples: int, noise: float) -> tuple[Array, Array]:
    """Draw points near the corners of a square; opposite corners have the same label.

    It is the exclusive or of the signs of both coordinates (Minsky and Papert 1969).

    Args:
        random: generator.
        examples: N.
        noise: standard deviation of the distance to a corner in each coordinate.

    Returns:
        Points (N, 2) and labels (N, 1), 0 or 1.
    """
    corners = random.choice([-1.0, 1.0], (examples, 2))
    labels = corners[:, :1] != corners[:, 1:]
    return corners + random.normal(0.0, noise, corners.shape), labels.astype(np.float64)


def circles(random: np.random.Generator, examples: int, noise: float) -> tuple[Array, Array]:
    """Draw points near two circles around the origin; those of the inner one have the label 1.

    Args:
        random: generator.
        examples: N.
        noise: standard deviation of the distance to the circle.

    Returns:
        Points (N, 2) and labels (N, 1), 0 or 1.
    """
    inner = random.integers(0, 2, (examples, 1)) == 1
    angles = random.uniform(0.0, 2 * np.pi, (examples, 1))
    radii = np.where(inner, *RADII) + random.normal(0.0, noise, (examples, 1))
    return radii * np.hstack([np.cos(angles), np.sin(angles)]), inner.astype(np.float64)


PLANAR_EXAMPLES = {"xor": xor, "circles": circles}
