"""README and docs name commands, stages and keys that exist, and all of the keys."""

import re

import yaml

from commands.app import STAGES, app
from pipelines.config import params
from tests.contract.imports import ROOT, sections

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```bash\n(.*?)```", README, flags=re.S))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def test_make_targets_exist():
    files = [ROOT / "Makefile", ROOT / "development.mk"]
    makefile = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"^make (\w+)", SHELL, flags=re.M))
    assert {"repro", "test", "ui", "check", "install"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_make_repro_seals_what_dvc_ran():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nrepro:")[2]
    assert recipe.index("dvc repro") < recipe.index("seqproof seal") < recipe.index("\nui:")


def test_seqproof_verbs_exist():
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(STAGES) <= verbs
    named = set(re.findall(r"seqproof ([a-z-]+)", SHELL))
    assert named
    assert named <= verbs


def test_stages_and_models_exist():
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage, name in re.findall(r"dvc repro (\w+)@([\w-]+)", SHELL):
        assert stage in graph
        models = {model for family in PARAMS["models"].values() for model in family}
        assert name in models or name in PARAMS["corpora"]
    for family, model, key in re.findall(r"-S models\.(\w+)\.([\w-]+)\.(\w+)=", SHELL):
        assert key in PARAMS["models"][family][model]


def test_the_example_of_ones_own_text_is_sound(tmp_path):
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", README, flags=re.S).group(1))
    tree = PARAMS | {"corpora": PARAMS["corpora"] | example["corpora"]}
    models = {family: {**entries} for family, entries in PARAMS["models"].items()}
    for family, entries in example["models"].items():
        models[family] |= entries
    tree["models"] = models
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert params.load(path).models["diary-lstm"].corpus == "diary"


def test_every_key_is_documented():
    text = (ROOT / "docs" / "params.md").read_text(encoding="utf-8")
    for section in sections():
        for key in section.model_fields:
            if not key.endswith("_models"):
                assert re.search(rf"\b{key}\b", text), f"{section.__name__}.{key}"


def test_links_lead_to_files():
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"
