"""The translator of the decoding benchmark in JoeyNMT, as a worker process.

    python benchmarks/joeynmt_models.py FOLDER THREADS EPOCHS

FOLDER has the sentences that `decoding.py` wrote, and gets the translations. JoeyNMT 2.3.0 is of
January 2024: it imports `importlib_metadata`, which nothing installs with it today, and reads its
checkpoints and makes its default schedule with arguments that PyTorch no longer takes; no
checkpoint is read here, and another schedule is constant. This file runs in an environment of its
own, and imports nothing of the project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import worker
from joeynmt import config, prediction, training

BATCH = 64  # sentences translated together
LIMIT = 60  # words of a translation


def configuration(folder: Path, epochs: int) -> dict[str, Any]:
    """Return JoeyNMT's configuration of the translator."""
    language = {"level": "word", "voc_limit": 10_000, "voc_min_freq": 2}
    embeddings = {"embedding_dim": 256, "scale": False, "dropout": 0.3}
    layers = {"type": "recurrent", "rnn_type": "lstm", "num_layers": 1, "hidden_size": 512}
    layers |= {"embeddings": embeddings, "dropout": 0.3}
    return {
        "name": "decoding",
        "joeynmt_version": "2.3.0",
        "model_dir": str(folder / "model"),
        "use_cuda": False,
        "random_seed": 1,
        "data": {
            "train": str(folder / "train"),
            "dev": str(folder / "valid"),
            "test": str(folder / "test"),
            "dataset_type": "plain",
            "src": {"lang": "source", **language},
            "trg": {"lang": "target", **language},
        },
        "testing": {"batch_size": BATCH, "max_output_length": LIMIT},
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.001,
            "scheduling": "exponential",
            "decrease_factor": 1.0,  # constant
            "normalization": "tokens",
            "clip_grad_norm": 1.0,
            "batch_size": 64,
            "epochs": epochs,
            "validation_freq": 10**6,
            "logging_freq": 100,
            "keep_best_ckpts": 1,
            "overwrite": True,
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "normal",
            "embed_init_weight": 0.1,
            "bias_initializer": "zeros",
            "encoder": {**layers, "bidirectional": True},
            "decoder": {
                **layers,
                "hidden_dropout": 0.3,
                "init_hidden": "bridge",
                "input_feeding": True,
                "attention": "bahdanau",
            },
        },
    }


def make_translator(folder: Path, epochs: int) -> Any:
    """Train the translator, and return a function that translates the test split with a beam.

    Weights that are in the folder are loaded instead.
    """
    (folder / "model").mkdir(exist_ok=True)
    weights = folder / "joeynmt.pt"
    arguments = config.parse_global_args(configuration(folder, epochs), rank=0, mode="train")
    model, train, valid, test = prediction.prepare(arguments, rank=0, mode="train")
    if weights.exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
    else:
        manager = training.TrainManager(
            model=model,
            model_dir=arguments.model_dir,
            device=arguments.device,
            n_gpu=0,
            rank=0,
            num_workers=0,
            autocast=arguments.autocast,
            seed=arguments.seed,
            train_args=arguments.train,
            dev_args=config.set_validation_args(arguments.test),
        )
        manager.train_and_validate(train_data=train, valid_data=valid)
        torch.save(model.state_dict(), weights)
    test.has_trg = False

    def translate(beam: int) -> None:
        hypotheses = prediction.predict(
            model=model,
            data=test,
            device=arguments.device,
            n_gpu=0,
            args=arguments.test._replace(beam_size=beam, beam_alpha=-1),
            autocast=arguments.autocast,
        )[2]
        text = "".join(f"{hypothesis}\n" for hypothesis in hypotheses)
        (folder / f"joeynmt-{beam}.txt").write_text(text, encoding="utf-8", newline="\n")

    return translate


def main() -> None:
    """Train, and serve translations: a request is the width of the beam."""
    folder, threads, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    translate = make_translator(folder, epochs)
    worker.serve(translate, lambda: None)


if __name__ == "__main__":
    main()
