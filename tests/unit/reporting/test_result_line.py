"""The line that an evaluation prints about its model."""

from pipelines.reporting.result_line import result_line


def test_the_first_metric_of_the_task_and_the_shortest_example():
    values = {"test_accuracy": 0.91234, "test_macro_f1": 0.8, "parameters": 3}
    examples = {"a long text " * 20: "negative", "good  film": "positive"}
    line = result_line("mine", "classification", values, examples)
    assert line == "mine: accuracy 0.912, for example: good film -> positive"


def test_a_language_model_shows_what_it_writes():
    values = {"test_perplexity": 3.0, "test_bits_per_character": 2.0}
    line = result_line("m", "language_modelling", values, {"a": "b"}, "ROMEO\n\nLet " + "x" * 200)
    assert line.startswith("m: bits per character 2.000, writes: ROMEO Let xxx")
    assert line.endswith("xxx...")
    assert len(line) < 160
