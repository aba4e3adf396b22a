"""Train a model without recurrence: n-grams, a logistic regression, a perceptron or an MLP."""

from pipelines import console
from stages.training import Name, train


def main(name: Name, fresh: console.Restart = False) -> None:
    """Train a model without recurrence: n-grams, a logistic regression, a perceptron or an MLP."""
    train("baseline", name, fresh)


if __name__ == "__main__":
    console.launch("train_baseline", main)
