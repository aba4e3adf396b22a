"""Every command that a page of the documentation shows is run by a test, named here."""

import ast
import subprocess

import pytest

from tests.contract.documented import PAGES, TUTORIAL, commands
from tests.contract.imports import ROOT

# Tests by file, and the commands of which they run the verb and the options on another project.
TESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "walk/test_your_own_data.py": {
        "outputs": (  # runs all commands of that page
            "cd",
            "seqproof data add",
            "seqproof data add --yes",
            "seqproof new --from",
            "seqproof new --from --yes",
            "seqproof generate --beginning --length",
            "seqproof translate",
        ),
    },
    "unit/tracking/test_object_store.py": {
        "test_a_server_has_the_passwords_of_its_clients": (
            "mlflow --artifacts-destination --host",
        ),
    },
    "walk/conftest.py": {
        "finished": (
            "seqproof run",
            "seqproof run --jobs",
        ),
    },
    "cluster/test_run.py": {
        "test_preempted_jobs_of_slurm": ("seqproof run --jobs --slurm", "seqproof run --slurm"),
    },
    "walk/test_documented_commands.py": {
        "test_commands_of_dvc": (
            "dvc metrics show",
            "dvc plots show",
        ),
    },
    "walk/test_experiments.py": {
        "test_dvc_exp_run_changes_a_value_of_a_model": ("dvc exp run -S",),
    },
    "walk/test_first_run.py": {
        "test_the_second_repro_runs_nothing": ("dvc repro",),
        "test_models_are_compared_by_their_stored_predictions": ("seqproof compare",),
        "test_generate_writes_the_sample_of_evaluate_and_other_text_with_another_seed": (
            "seqproof generate",
        ),
        "test_a_logged_model_predicts_like_the_command": ("seqproof predict",),
        "test_the_report_is_printed": ("seqproof report --pdf",),
        "test_results_have_all_models_and_the_cost_of_every_stage": ("seqproof results",),
    },
    "walk/test_mistakes.py": {
        "test_stages_run_one_by_one": ("seqproof train-lstm",),
    },
    "walk/test_serving.py": {
        "test_broken_requests_do_no_harm_to_a_real_server": ("curl --json",),
        "test_a_running_server_takes_the_new_champion_without_a_dropped_request": (
            "seqproof serve",
            "seqproof serve --port",
        ),
    },
    "walk/test_sweeps.py": {
        "test_the_winner_is_compared_reported_and_written": (
            "seqproof sweep",
            "seqproof sweep --apply",
            "seqproof sweep --jobs",
        ),
    },
    "walk/test_sharing.py": {
        "test_the_other_machine_shares_its_verdicts": (
            "dvc pull --allow-missing --run-cache",
            "git pull",
        ),
        "team": (  # runs the commands of docs/sharing.md
            "dvc pull --run-cache",
            "dvc push --run-cache",
            "dvc remote --default",
            "export",
            "git add",
            "git clone",
            "git commit --message",
            "git push",
            "git push --set-upstream",
            "git remote",
            "seqproof doctor --quick",
            "seqproof verify --all",
        ),
    },
    "walk/test_verification.py": {
        "test_results_are_sealed_traced_and_verified": (
            "seqproof seal",
            "seqproof trace",
            "seqproof verify",
        ),
    },
    "faults/test_faults.py": {
        "test_fresh_starts_anew_in_a_run_of_its_own": ("seqproof train-lstm --fresh",),
    },
    "unit/cluster/test_sweep_on_workers.py": {
        "test_trials_on_workers_have_the_same_results": ("seqproof sweep --scheduler",),
    },
    "unit/cluster/conftest.py": {"cluster": ("dask", "dask --nthreads")},
    "unit/cluster/test_executor.py": {
        "test_ctrl_c_and_the_next_command": ("seqproof run --scheduler",),
    },
    "unit/commands/test_compare.py": {
        "test_markdown_has_a_part_for_each_changed_model": ("seqproof compare --markdown",),
        "test_sentences_are_the_most_different_items": ("seqproof compare --sentences",),
    },
    "unit/commands/test_data_docs.py": {
        "test_the_pages_show_rules_and_rows": (
            "seqproof data docs",
            "seqproof data docs --no-open",
        ),
    },
    "unit/commands/test_data_profile.py": {
        "test_the_overview": ("seqproof data profile",),
    },
    "unit/commands/test_demo.py": {
        "test_unknown_corpora_and_ports_in_use": (
            "seqproof demo",
            "seqproof demo --port",
        ),
    },
    "unit/commands/test_doctor.py": {
        "test_determinism_is_checked_last": ("seqproof doctor",),
    },
    "unit/commands/test_export.py": {
        "test_an_export_says_where_it_is_and_can_be_replaced": ("seqproof export",),
    },
    "unit/commands/test_figure.py": {
        "test_without_a_name_all_are_listed": ("seqproof figure",),
    },
    "unit/commands/test_generate.py": {
        "test_options_replace_params_yaml_and_text_is_prepared": (
            "seqproof generate --beginning --length --seed --temperature --top-p",
            "seqproof generate --beginning --length --temperature",
        ),
        "test_json_and_a_prompt": ("seqproof generate --interactive",),
    },
    "unit/commands/test_json.py": {
        "test_standard_output_has_one_json_object_alone": (
            "seqproof results --json",
            "seqproof sync",
            "seqproof trace --json",
            "seqproof verify --json",
        ),
    },
    "unit/commands/test_new.py": {
        "test_the_whole_project_is_committed": ("seqproof new --template",),
    },
    "faults/test_workers.py": {
        "test_the_first_of_two_workers_writes_the_model": ("python -m",),
    },
    "unit/commands/test_predict.py": {
        "test_check_passes_texts_like_the_training_text": ("seqproof predict --check <",),
        "test_json_has_the_texts_as_typed_and_null_for_a_blank_one": ("seqproof predict --json <",),
    },
    "unit/commands/test_promote_alias.py": {
        "test_the_better_model_takes_the_alias_and_the_worse_does_not": ("seqproof promote --as",),
    },
    "unit/commands/test_publish.py": {
        "test_results_are_compared_with_published_numbers": ("seqproof publish",),
    },
    "unit/commands/test_sweep.py": {
        "test_a_sweep_is_killed_stopped_finished_and_applied": (
            "seqproof sweep",
            "seqproof sweep --apply",
            "seqproof sweep --jobs",
        ),
    },
    "unit/commands/test_translate.py": {
        "test_attention_of_a_sentence_of_the_user": ("seqproof translate --attention",),
        "test_options_replace_params_yaml_and_n_best_print_scores": (
            "seqproof translate --beam --n-best",
        ),
        "test_standard_input_has_an_output_line_for_each_line": ("seqproof translate <",),
    },
}
TESTED = {kind for tests in TESTS.values() for kinds in tests.values() for kind in kinds}
# Why no test runs a command.
UNTESTED = {
    "docker build --build-arg -t": "needs Docker",
    "docker run --rm -p": "needs Docker",
    "uvx --from": "needs a package index; test_wheel.py runs the program of the wheel",
    "uvx --logdir": "needs a package index",
}
COMMANDS = [
    command for page in PAGES if not page.is_relative_to(TUTORIAL) for command in commands(page)
]


def test_every_command_has_a_test_or_a_reason():
    kinds = {command.kind: command for command in COMMANDS if command.words[0] != "make"}
    missing = {
        kind: f"{command.page.name}: {command.line}"
        for kind, command in kinds.items()
        if kind not in TESTED | UNTESTED.keys()
    }
    assert missing == {}
    assert (TESTED | UNTESTED.keys()) - kinds.keys() == set()
    assert not TESTED & UNTESTED.keys()


@pytest.mark.parametrize("file", TESTS)
def test_the_tests_exist(file):
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    functions = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert TESTS[file].keys() <= functions


def test_targets_of_make_have_recipes():
    """Their recipes are what CI runs, or install from a package index: they are only read here."""
    for target in sorted({command.words[1] for command in COMMANDS if command.words[0] == "make"}):
        command = ["make", "--dry-run", "--always-make", target]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
