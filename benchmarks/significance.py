"""Size and power of the significance test, simulated.

    python -m benchmarks.significance --comparisons 2000

Each comparison draws new predictions of equally good models (an A/A test) and counts the verdicts
other than "not significant": their share is the size of the test, 0.05 if it holds its level. Power
is the share of right verdicts where the second model is better by a stated effect. Writes a table
into benchmarks/README.md.

    python -m benchmarks.significance --treebank FOLDER

counts Kneser-Ney models on random halves of the articles of Penn Treebank, in a FOLDER with
ptb.train.txt and ptb.test.txt, and compares them as trained models and as seeds of one recipe.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import page
from pipelines import console
from pipelines.evaluation import hierarchical_test, item_statistics, resampling, significance
from pipelines.evaluation.resampling import Score, ScoredItems, Statistics
from pipelines.inference import scores
from pipelines.models.ngram import NGram

RESAMPLES = 500
FREQUENCIES = (0.5, 0.3, 0.15, 0.05)  # of four labels
TOPIC = 20  # mean number of rows of a topic

Generator = np.random.Generator
# (generator, how much better the second model is) -> statistics of each seed of each model
Draw = Callable[[Generator, float], list[list[Statistics]]]


@dataclass(frozen=True)
class Scenario:
    """Simulated comparison.

    Attributes:
        draw: draws the statistics of all models.
        score: sums of statistics -> scores.
        effect: how much better the second model is where power is measured, in units of `draw`.
        effect_text: the same in words.
        consecutive_rows: the items are rows of a text.
        best: compare the best model with the others, in place of the first with the second.
    """

    draw: Draw
    score: Score
    effect: float
    effect_text: str
    consecutive_rows: bool = False
    best: bool = False

    def significant(self, generator: Generator, effect: float, resamples: int) -> bool:
        """Draw statistics and return whether any verdict finds a difference."""
        groups = self.draw(generator, effect)
        items = ScoredItems(tuple(seed for group in groups for seed in group), self.score)
        sample = significance.in_blocks(items, self.consecutive_rows)
        (resampled,) = resampling.bootstrap([sample], resamples, int(generator.integers(2**31)))
        counts = [len(group) for group in groups]
        estimates = hierarchical_test.estimate(items, sample, resampled, counts)
        pairs = significance.pairs_with_best(estimates, "higher") if self.best else [(0, 1)]
        tests = hierarchical_test.compare_pairs(
            estimates, pairs, significance.LEVEL, resamples, generator
        )
        verdicts = tests[: len(groups) - 1]  # the report shows no other pairs
        return any(test.p < significance.LEVEL for test in verdicts)


def rate(
    scenario: Scenario,
    comparisons: int,
    effect: float = 0.0,
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> float:
    """Return the share of comparisons that find a difference."""
    generators = np.random.default_rng(seed).spawn(comparisons)
    return float(
        np.mean([scenario.significant(generator, effect, resamples) for generator in generators])
    )


def language_models(rows: int) -> Draw:
    """Language models: each is better on some topics, which last for about 20 rows.

    A test of single rows would have a size of about 0.3.
    """

    def draw(generator: Generator, effect: float) -> list[list[Statistics]]:
        tokens = generator.integers(5, 45, rows)
        topic = np.cumsum(generator.random(rows) < 1 / TOPIC)
        difficulty = generator.normal(5, 1, rows)
        models = []
        for model in range(2):
            by_topic = generator.normal(0, 0.03, topic[-1] + 1)[topic]
            by_row = generator.normal(0, 0.5, rows) / np.sqrt(tokens)
            loss = difficulty + by_topic + by_row - model * effect
            models.append([np.stack([tokens * loss, tokens], axis=1)])
        return models

    return draw


def classifiers(
    items: int, models: int = 2, seeds: int = 1, spread: float = 0.0, counts: bool = False
) -> Draw:
    """Classifiers with an accuracy near 0.7 that find the same items difficult.

    Args:
        items: number of test items.
        models: number of models.
        seeds: number of seeds of each model.
        spread: standard deviation of the accuracy of the seeds.
        counts: return the counts of labels, in place of right answers.
    """

    def draw(generator: Generator, effect: float) -> list[list[Statistics]]:
        actual = generator.choice(len(FREQUENCIES), items, p=FREQUENCIES)
        difficulty = generator.normal(0, 1, items)

        def statistics(model: int) -> Statistics:
            # The accuracy changes by a quarter of the level.
            level = 0.74 + 4 * (effect * (model == 1) + spread * generator.normal())
            right = generator.normal(0, 1, items) + difficulty < level
            if not counts:
                return np.stack([right, np.ones(items)], axis=1)
            other = (actual + generator.integers(1, len(FREQUENCIES), items)) % len(FREQUENCIES)
            predicted = _indicators(np.where(right, actual, other))
            truth = _indicators(actual)
            return np.concatenate([predicted * truth, predicted, truth], axis=1)

        return [[statistics(model) for _ in range(seeds)] for model in range(models)]

    return draw


def _indicators(labels: npt.NDArray[np.int64]) -> Statistics:
    return np.eye(len(FREQUENCIES))[labels]


BLEU = scores.bleu_metric()


def translators(sentences: int, seeds: int = 1, spread: float = 0.0) -> Draw:
    """Translators that make errors of single words, more of them in difficult sentences.

    Args:
        sentences: number of test sentences.
        seeds: number of seeds of each model.
        spread: standard deviation of the share of right words of the seeds.
    """

    def draw(generator: Generator, effect: float) -> list[list[Statistics]]:
        words = [generator.integers(0, 200, size) for size in generator.integers(5, 20, sentences)]
        targets = [" ".join(map(str, sentence)) for sentence in words]
        difficulty = generator.normal(0, 0.1, sentences)

        def statistics(model: int) -> Statistics:
            share = 0.75 + effect * model + spread * generator.normal()
            hypotheses = [
                " ".join(
                    str(word) if right else "x"
                    for word, right in zip(
                        sentence, generator.random(len(sentence)) < share + shift, strict=True
                    )
                )
                for sentence, shift in zip(words, difficulty, strict=True)
            ]
            return scores.sentence_statistics(BLEU, hypotheses, targets)

        return [[statistics(model) for _ in range(seeds)] for model in range(2)]

    return draw


def _accuracy(
    effect: float, models: int = 2, seeds: int = 1, spread: float = 0.0, best: bool = False
) -> Scenario:
    draw = classifiers(500, models, seeds, spread)
    return Scenario(draw, item_statistics.mean, effect, f"{effect}", best=best)


def _bleu(effect: float, seeds: int = 1, spread: float = 0.0) -> Scenario:
    score = partial(scores.scores_of_sums, BLEU)
    text = f"{effect} of the words"
    return Scenario(translators(200, seeds, spread), score, effect, text)


def _language_model(rows: int) -> Scenario:
    draw = language_models(rows)
    return Scenario(draw, item_statistics.bits, 0.02, "0.029 bits", consecutive_rows=True)


SCENARIOS: Mapping[str, Scenario] = {
    "language model, 500 rows": _language_model(500),
    "language model, 2,000 rows": _language_model(2000),
    "language model, 4,000 rows": _language_model(4000),
    "accuracy, 500 items": _accuracy(0.07),
    "macro F1, 500 items": Scenario(
        classifiers(500, counts=True), item_statistics.macro_f1, 0.07, "accuracy + 0.07"
    ),
    "BLEU, 200 sentences": _bleu(0.04),
    "accuracy, 2 seeds each": _accuracy(0.07, seeds=2, spread=0.02),
    "accuracy, 3 seeds each": _accuracy(0.07, seeds=3, spread=0.02),
    "accuracy, 5 seeds each": _accuracy(0.07, seeds=5, spread=0.02),
    "accuracy, 3 seeds each, no spread": _accuracy(0.07, seeds=3),
    "accuracy, 3 seeds each, large spread": _accuracy(0.07, seeds=3, spread=0.05),
    "BLEU, 3 seeds each": _bleu(0.06, seeds=3, spread=0.02),
    "accuracy, best of 3": _accuracy(0.07, models=3, best=True),
    "accuracy, best of 11": _accuracy(0.07, models=11, best=True),
    "accuracy, best of 11, 3 seeds each": _accuracy(
        0.1, models=11, seeds=3, spread=0.02, best=True
    ),
}


# Penn Treebank ----------------------------------------------------------------------------------

ARTICLE = 60  # rows, about those of two articles
HALVES = 24


def treebank(folder: Path) -> list[tuple[Statistics, Statistics]]:
    """Return the nats and tokens of each test row under models of random halves of the articles."""
    train, test = (
        [[*line.split(), "</s>"] for line in (folder / f"ptb.{split}.txt").open(encoding="utf-8")]
        for split in ("train", "test")
    )
    ids = {word: number for number, word in enumerate(sorted({w for row in train for w in row}))}
    rows, test_rows = (
        [np.array([ids[word] for word in row], np.int32) for row in part] for part in (train, test)
    )
    end = np.array([ids["</s>"]], np.int32)
    stream = np.concatenate([end, *test_rows])
    tokens = np.array([len(row) for row in test_rows])
    starts = np.cumsum([0, *tokens[:-1]])
    articles = np.arange(len(rows)) // ARTICLE

    def statistics(chosen: npt.NDArray[np.bool_]) -> Statistics:
        text = [row for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen]
        model = NGram.count(np.concatenate([end, *text]), 5, len(ids), "kneser_ney")
        nats = np.add.reduceat(-model.log_probabilities(stream), starts)
        return np.stack([nats, tokens], axis=1)

    pairs = []
    for generator in np.random.default_rng(1).spawn(HALVES):
        half = generator.permutation(articles[-1] + 1)[articles] % 2 == 0
        pairs.append((statistics(half), statistics(~half)))
        console.echo(f"{len(pairs)} of {HALVES} pairs counted")
    return pairs


def compare_treebank(folder: Path) -> None:
    """Print how often models of random halves differ, and groups of three of them."""

    def different(groups: list[list[Statistics]], generator: Generator) -> bool:
        scenario = Scenario(lambda *_: groups, item_statistics.perplexity, 0, "", True)
        return scenario.significant(generator, 0.0, RESAMPLES)

    pairs, generator = treebank(folder), np.random.default_rng(2)
    models = sum(different([[first], [second]], generator) for first, second in pairs)
    console.echo(f"{models} of {len(pairs)} pairs of halves differ as trained models.")
    halves, recipes = [first for first, _ in pairs], []
    for _ in range(40):
        order = generator.permutation(len(halves))
        for six in order.reshape(-1, 6):
            seeds = [halves[place] for place in six]
            recipes.append(different([seeds[:3], seeds[3:]], generator))
    console.echo(f"{np.mean(recipes):.3f} of {len(recipes)} groups of three differ as recipes.")


def main() -> None:
    """Simulate all scenarios, print the results and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=2000)
    parser.add_argument("--only", help="the scenarios whose names begin so; writes no table")
    parser.add_argument("--treebank", type=Path, help="compare models of Penn Treebank")
    options = parser.parse_args()
    if options.treebank:
        compare_treebank(options.treebank)
        return
    rows = []
    for name, scenario in SCENARIOS.items():
        if options.only and not name.startswith(options.only):
            continue
        size = rate(scenario, options.comparisons)
        power = rate(scenario, max(1, options.comparisons // 5), scenario.effect, seed=2)
        rows.append([name, f"{size:.3f}", scenario.effect_text, f"{power:.2f}"])
        console.echo("  ".join(rows[-1]))
    if not options.only:
        page.write("significance", ["equal models", "size at 0.05", "effect", "power"], rows)


if __name__ == "__main__":
    main()
