"""Descriptions and tags of runs."""

import pandas as pd

from pipelines.tracking import descriptions
from tests.unit.tracking.work import METRICS, NAME, ROWS, Work


def test_the_description_names_model_results_and_commands_that_reproduce_it(work: Work) -> None:
    work.train()
    (run,) = work.runs()
    text = run.data.tags[descriptions.DESCRIPTION]
    assert text.startswith(
        f"{NAME}: seq2seq of lstm cells with general attention, on verses (translation)."
    )
    assert (
        "Validation: lowest loss 2.75 nats in epoch 2 of 2, best bleu 9.5; "
        "1,000 training tokens read."
    ) in text
    commit = run.data.tags["git"]
    assert len(commit) == 40
    assert f"git checkout {commit}\ndvc repro evaluate_seq2seq@{NAME}\n" in text
    assert "Test" not in text
    work.evaluate(METRICS | {"test_bleu_signature": "nrefs:1|case:mixed"})
    (run,) = work.runs()
    summary, results, *_ = run.data.tags[descriptions.DESCRIPTION].split("\n\n")
    assert summary == text.split("\n\n")[0]
    # MLflow folds away what comes after three lines.
    assert results == "Test: BLEU 20.5; 3 examples, BLEU signature `nrefs:1|case:mixed`."


def test_scores_of_a_seed_group_have_their_spread(work: Work) -> None:
    spread = {"seeds": 3, "test_bleu_sd": 0.5, "test_bleu_low": 19.25, "test_bleu_high": 21.75}
    history = pd.DataFrame(ROWS)
    text = descriptions.describe(work.config, NAME, work.folder, history, METRICS | spread)
    expected = "Test, mean (standard deviation; 95 % interval): BLEU 20.5 (0.5; 19.2 to 21.8); "
    assert text.split("\n\n")[1] == f"{expected}3 examples."


def test_the_description_of_a_dirty_tree_names_the_patch(work: Work) -> None:
    (work.folder / "more.yaml").write_text("a: 1\n", encoding="utf-8")
    work.train()
    (run,) = work.runs()
    assert "git apply training.patch" in run.data.tags[descriptions.DESCRIPTION]
    assert run.data.tags["dirty"] == "true"


def test_a_project_without_a_template_is_tagged_none(work: Work) -> None:
    tags = descriptions.model_tags(work.config, "opinions-perceptron", work.folder)
    assert tags == {
        "model": "bag_of_words",
        "cell": "none",
        "attention": "none",
        "template": "none",
    }
    (work.folder / ".seqproof").mkdir()
    (work.folder / ".seqproof" / "origin.json").write_text("[", encoding="utf-8")
    assert descriptions.template_name(work.folder) == "none"
