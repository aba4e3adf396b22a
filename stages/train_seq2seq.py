"""Train an encoder-decoder, with or without attention."""

from pipelines import console
from stages.training import Name, train


def main(name: Name, fresh: console.Restart = False) -> None:
    """Train an encoder-decoder, with or without attention."""
    train("seq2seq", name, fresh)


if __name__ == "__main__":
    console.launch("train_seq2seq", main)
