"""Train a recurrent language model, classifier or tagger."""

from pipelines import console
from stages.training import Name, train


def main(name: Name, fresh: console.Restart = False) -> None:
    """Train a recurrent language model, classifier or tagger."""
    train("lstm", name, fresh)


if __name__ == "__main__":
    console.launch("train_lstm", main)
