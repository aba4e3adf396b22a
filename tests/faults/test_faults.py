"""A training that is interrupted, however and however often, ends with the same bytes."""

import json
import re
import shutil
import signal
import warnings
from functools import partial

import pytest
from filelock import FileLock

from pipelines import paths
from pipelines.tracking import connection
from tests.faults import child, injector

KILLS = 20  # every fault several times
RESUMED = "Resumed from the checkpoint"


@pytest.fixture(scope="session")
def undisturbed(shared_folder):
    """A folder with all models trained without faults, and what each cost."""
    folder, file = shared_folder / "undisturbed", shared_folder / "costs.json"
    with FileLock(shared_folder / "undisturbed.lock"):
        if not file.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
            injector.make_project(folder)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLflow uses deprecated functions of SQLAlchemy
                connection.client(connection.tracking_uri(folder), folder)
            shutil.copy(folder / "mlflow.db", shared_folder / "empty.db")
            costs = {name: injector.measure(folder, name) for name in injector.ALL_MODELS}
            file.write_text(json.dumps(costs), encoding="utf-8")
    costs = json.loads(file.read_text(encoding="utf-8"))
    return folder, {name: injector.Costs(*cost) for name, cost in costs.items()}


@pytest.fixture
def disturbed(tmp_path, shared_folder, undisturbed):
    """A folder for the same trainings with faults.

    It has the language model to start from, and MLflow's empty store, whose creation takes seconds.
    """
    folder = tmp_path / "disturbed"
    injector.make_project(folder)
    model = paths.model(injector.PRETRAINED)
    shutil.copytree(undisturbed[0] / model, folder / model)
    shutil.copy(shared_folder / "empty.db", folder / "mlflow.db")
    return folder


def read_runs(folder, name):
    """Yield status and metrics of a model's runs, the last run first.

    The metrics are all points, without those of the machine.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow uses deprecated functions of SQLAlchemy
        from mlflow import MlflowClient

        client = MlflowClient(connection.tracking_uri(folder))
    experiment = client.get_experiment_by_name(injector.MODELS[name]["corpus"])
    if experiment is None:
        return
    query = f"attributes.run_name = '{name}'"
    for run in client.search_runs([experiment.experiment_id], query, max_results=100):
        points = [
            (key, point.step, point.value)
            for key in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, key)
            if not key.startswith(("train_seconds", "train_tokens_per_second", "system/"))
        ]
        yield run.info.status, sorted(points)


@pytest.mark.parametrize("name", injector.MODELS)
def test_interruptions_change_no_byte_and_create_no_second_run(name, undisturbed, disturbed):
    folder, costs = undisturbed
    training = injector.interrupt_repeatedly(disturbed, name, KILLS, costs[name], seed=1)
    assert training.faults.total() == KILLS
    assert injector.read_outs(disturbed, name) == injector.read_outs(folder, name)
    # After Ctrl-C inside a __del__ Python prints the exception and continues; so does TensorFlow
    # inside its C++ code. SQLAlchemy may look for an object that is gone when the program ends.
    traceback = r"Traceback .*\n(?:  .*\n)+"
    at_end = rf"Exception ignored in:.*\n{traceback}TypeError: weak object has gone away\n"
    in_del = r"Exception ignored in:[\s\S]*?\nKeyboardInterrupt:? *\n"
    in_cpp = rf"{traceback}SystemError: .* with an exception set\n"
    assert "Traceback" not in re.sub(f"{at_end}|{in_del}|{in_cpp}", "", training.log)
    # A training that finished before it could be interrupted has a run of its own, whose end the
    # fault may have hit.
    (expected_run,) = read_runs(folder, name)
    last_run, *others = read_runs(disturbed, name)
    assert last_run == expected_run
    assert len(others) == training.too_late
    assert not list((disturbed / ".seqproof" / "checkpoints").glob(f"*@{name}/*"))
    if name != "ngram":  # which is counted in one go
        assert training.resumed > KILLS // 4


def test_fresh_starts_anew_in_a_run_of_its_own(undisturbed, disturbed):
    name, (folder, _) = "bag-of-words", undisturbed
    statuses = [status for status, _ in read_runs(disturbed, name)]
    assert injector.train(disturbed, name, partial(child.kill_after, 10)) == -signal.SIGKILL
    old_log = injector.read_log(disturbed, name)
    assert injector.train(disturbed, name, child.no_fault, "--fresh") == 0
    assert RESUMED not in injector.read_log(disturbed, name).removeprefix(old_log)
    assert injector.read_outs(disturbed, name) == injector.read_outs(folder, name)
    new_statuses = [status for status, _ in read_runs(disturbed, name)]
    assert sorted(new_statuses) == sorted([*statuses, "FINISHED", "RUNNING"])


def test_a_training_with_other_parameters_never_resumes_from_its_checkpoint(disturbed):
    name = "bag-of-words"
    assert injector.train(disturbed, name, partial(child.kill_after, 10)) == -signal.SIGKILL
    file = disturbed / paths.PARAMS
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("dropout: 0.3", "dropout: 0.31"), encoding="utf-8")
    old_log = injector.read_log(disturbed, name)
    assert injector.train(disturbed, name) == 0
    assert RESUMED not in injector.read_log(disturbed, name).removeprefix(old_log)
    file.write_text(text, encoding="utf-8")
    assert injector.train(disturbed, name) == 0
    assert f"{RESUMED} of step 9" in injector.read_log(disturbed, name).removeprefix(old_log)
