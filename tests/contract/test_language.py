"""Names and docstrings use plain technical English."""

import ast
from collections import Counter

from tests.contract.imports import ROOT, files

# Pronouns and participles that say nothing about what a variable holds.
VAGUE = frozenset(
    [
        "found",
        "said",
        "one",
        "kept",
        "given",
        "here",
        "known",
        "told",
        "meant",
        "then",
        "them",
        "those",
        "these",
        "it",
        "both",
        "again",
        "alone",
        "together",
        "apart",
        "beside",
        "theirs",
        "ours",
        "mine",
        "what",
        "who",
        "whom",
        "whose",
        "how",
        "why",
        "where",
        "when",
        "asked",
        "wanted",
        "noted",
        "shown",
        "seen",
        "made",
        "done",
        "put",
        "begun",
        "lost",
        "sent",
        "drawn",
        "taken",
        "held",
        "gone",
        "mark",
        "mend",
        "everything",
        "some",
        "several",
        "many",
    ]
)
OPENINGS = ("What ", "How ", "Whether ", "Of ")


def bound_names(tree: ast.AST) -> list[str]:
    """Every name that code binds: variables, parameters, functions, classes, attributes."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.append(node.attr)
    return names


def parse(file) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def test_variables_are_nouns():
    names = [(file, name) for file in files() for name in bound_names(parse(file))]
    vague = [f"{file}: {name}" for file, name in names if name.strip("_").lower() in VAGUE]
    assert len(vague) < 0.005 * len(names), vague[:20]


def test_docstrings_do_not_open_with_a_question_word():
    openings = [
        f"{file}: {docstring.splitlines()[0]}"
        for file in files()
        for node in ast.walk(parse(file))
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        if (docstring := ast.get_docstring(node) or "").startswith(OPENINGS)
    ]
    assert openings == []


def test_class_names_are_unique():
    classes = Counter(
        node.name
        for file in files()
        for node in ast.walk(parse(file))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in classes.items() if count > 1} == set()
