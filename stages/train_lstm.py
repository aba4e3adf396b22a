"""Train a recurrent language model or classifier."""

from pipelines import console
from stages.training import Name, train


def main(name: Name, fresh: console.Restart = False) -> None:
    """Train a recurrent language model or classifier."""
    train("lstm", name, fresh)


if __name__ == "__main__":
    console.launch("train_lstm", main)
