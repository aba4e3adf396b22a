"""Every template is valid, its graph is complete, and its models have goals."""

import re
import shutil
import subprocess

import pytest
import yaml

from commands import templates
from commands.new import new
from pipelines.config import params
from pipelines.evaluation import metrics
from pipelines.lineage import dvc_project
from pipelines.reporting import benchmark_page, benchmark_results
from tests.contract.imports import ROOT

NAMES = templates.names()
GOALS = {name: templates.goals(name) for name in NAMES}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project for all tests: templates differ in params.yaml only."""
    folder = tmp_path_factory.mktemp("templates") / "project"
    new(folder, NAMES[0])
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_has_every_model_and_corpus(name, project):
    settings = params.load(templates.find(name))
    shutil.copyfile(templates.find(name), project / "params.yaml")
    names = set(dvc_project.stage_names(project))
    assert {f"preprocess@{corpus}" for corpus in settings.corpora} <= names
    for family, stage in params.FAMILIES.items():
        for verb in (stage, f"evaluate_{family}"):
            instances = {name.partition("@")[2] for name in names if name.startswith(f"{verb}@")}
            assert instances == set(settings.family(family)), verb


def test_a_project_has_all_dependencies_of_its_graph(project):
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    outs = ("data", "models", "plots", "metrics", "predictions", "analyses", "${item")
    for name, stage in stages.items():
        for dep in stage.get("do", stage)["deps"]:
            if not dep.startswith(outs):
                assert (project / dep).exists(), f"{name}: {dep}"


def test_a_project_has_all_files_that_make_needs(project):
    settings = (project / "pyproject.toml").read_text(encoding="utf-8")
    readme = re.search(r'^readme = "(.+)"', settings, flags=re.M).group(1)
    (license_file,) = re.findall(r'^license-files = \["(.+)"\]', settings, flags=re.M)
    for file in (readme, license_file, "requirements.lock", "requirements-gpu.lock"):
        assert (project / file).is_file(), file
    for target in ("install", "repro", "ui"):
        assert _make(project, target) == 0, target
    # A project has no tests.
    assert _make(project, "test") == 2


def _make(project, target):
    return subprocess.run(["make", "-n", target], cwd=project, capture_output=True).returncode


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_goal(name):
    named = {model for goal in GOALS[name] for model in goal.models}
    assert named == set(params.load(templates.find(name)).models)
    assert all(metrics.get(goal.metric).has_goals for goal in GOALS[name])


@pytest.mark.parametrize("name", NAMES)
def test_models_of_a_goal_differ_in_their_seed_only(name):
    settings = params.load(templates.find(name))
    for goal in GOALS[name]:
        entries = [settings.models[model] for model in goal.models]
        assert len({entry.model_copy(update={"seed": None}) for entry in entries}) == 1
        own_seeds = [getattr(entry, "seed", None) for entry in entries]
        seeds = [settings.seed if seed is None else seed for seed in own_seeds]
        assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("name", NAMES)
def test_the_title_names_every_target(name):
    numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", templates.title(name))}
    assert {goal.target for goal in GOALS[name] if goal.target is not None} <= numbers


def test_every_template_is_documented():
    text = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", text, flags=re.M) == NAMES


def test_the_results_page_is_rendered_from_its_data():
    data = benchmark_results.read(ROOT / "docs" / "results.json")
    shown = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert shown == benchmark_page.render(data, templates.titles())
    assert set(data) <= set(NAMES)


def test_the_class_has_the_entries_of_the_default_project():
    """So the results of the default run, which the lab sheet shows, are those of the class."""
    tree, default = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (templates.find("class"), ROOT / "params.yaml")
    )
    del tree["goals"], default["goals"]
    del default["corpora"]["verses"], default["experiments"]["source_length"]["verses"]
    slow = ("verses-fixed", "verses-attention", "opinions-logistic")
    for models in default["models"].values():
        for name in slow:
            models.pop(name, None)
    assert tree == default
