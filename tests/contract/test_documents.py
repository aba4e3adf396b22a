"""README and docs name only commands, stages, models, keys and files that exist."""

import re

import pytest
import yaml
from typer.main import get_command

from commands.app import app
from commands.groups.stages import STAGES
from pipelines.config import params
from tests.contract.imports import ROOT, sections

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in DOCUMENTS}
README = TEXTS["README.md"]
# The commands in all documents, a line each.
COMMANDS = [
    line
    for text in TEXTS.values()
    for block in re.findall(r"```bash\n(.*?)```", text, flags=re.S)
    for line in block.splitlines()
]
CONFIG = params.load(ROOT / "params.yaml")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_make_targets_exist():
    files = [ROOT / "Makefile", ROOT / "development.mk"]
    makefile = "\n".join(file.read_text(encoding="utf-8") for file in files)
    targets = {match[1] for line in COMMANDS if (match := re.match(r"make (\w+)", line))}
    assert {"repro", "test", "ui", "check", "install"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_make_repro_seals_what_has_run():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nrepro:")[2]
    assert recipe.index("seqproof run") < recipe.index("seqproof seal") < recipe.index("\nui:")


COMMAND_OF = get_command(app).commands
GROUPS = [name for name, command in COMMAND_OF.items() if hasattr(command, "commands")]


def verbs_of(commands):
    """Return the names of commands; those of a group as `group command`."""
    children = {f"{name} {child}" for name in GROUPS for child in commands[name].commands}
    return {*commands, *children} - {*GROUPS}


def verbs_in(text, groups):
    """Return the commands that a text names."""
    group = "|".join(groups)
    return set(re.findall(rf"\bseqproof ((?:(?:{group}) )?[a-z-]+)", text))


def test_seqproof_commands_exist():
    verbs = verbs_of(COMMAND_OF)
    assert set(STAGES) <= verbs
    named = {verb for line in COMMANDS for verb in verbs_in(line, GROUPS)}
    assert len(named) > 10
    assert named <= verbs


def test_every_command_is_documented():
    verbs = verbs_of(COMMAND_OF)
    named = {verb for text in TEXTS.values() for verb in verbs_in(text, GROUPS)}
    assert verbs - set(STAGES) <= named


# The page on own data has names of its own, and tests/walk runs its commands.
@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"your-own-data.md"}))
def test_stages_and_their_items_exist(name):
    items = {**CONFIG.models, **CONFIG.corpora}
    experiments = {item for stage in PARAMS["experiments"].values() for item in stage}
    for stage, item in re.findall(r"(?<!//)\b([a-z_0-9]+)@([a-z][a-z-]*)", TEXTS[name]):
        if item != "champion" and stage != "stage":
            assert stage in GRAPH, f"{name}: {stage}@{item}"
            assert item in items or item in experiments, f"{name}: {stage}@{item}"


@pytest.mark.parametrize("name", TEXTS)
def test_keys_set_from_the_command_line_exist(name):
    for path in re.findall(r"-S ([a-z_0-9.-]+)=(?!null)", TEXTS[name]):
        tree = PARAMS
        for key in path.split("."):
            assert key in tree, f"{name}: {path}"
            tree = tree[key]


def test_the_example_of_your_own_text_is_valid(tmp_path):
    example = yaml.safe_load(
        re.search(r"```yaml\n(.*?)```", TEXTS["your-own-data.md"], flags=re.S).group(1)
    )
    models = PARAMS["models"] | {"lstm": PARAMS["models"]["lstm"] | example["models"]["lstm"]}
    config = PARAMS | {"corpora": PARAMS["corpora"] | example["corpora"], "models": models}
    goals = re.search(r"```yaml\n(goals:.*?)```", TEXTS["usage.md"], flags=re.S).group(1)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(config | yaml.safe_load(goals)), encoding="utf-8")
    loaded = params.load(path)
    assert loaded.models["diary-lstm"].corpus == "diary"
    assert loaded.goals[0].models == ("diary-lstm",)


def test_every_key_is_documented():
    for section in sections():
        for key, field in section.model_fields.items():
            key = field.alias or key
            assert re.search(rf"\b{key}\b", TEXTS["params.md"]), f"{section.__name__}.{key}"


def test_no_removed_key_is_documented():
    removed = "accumulate|resample|random_steps|fine_tune models|train_lstm models"
    for name, text in TEXTS.items():
        assert not re.search(rf"\b({removed})\b", text), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_to_files_and_headings(document):
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", TEXTS[document.name]):
        if "://" in link:
            continue
        target = document.parent / link if link else document
        assert target.exists(), f"{document.name}: {link}"
        if anchor and target.suffix == ".md":  # test_tutorial.py has the lines of code
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.M)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
            assert anchor in slugs, f"{document.name}: {link}#{anchor}"
