"""Tests have the same names and the same order in every process.

pytest-xdist refuses tests whose names differ between its processes. The order of a set differs from
process to process, and so does a value with a time in it, such as the bytes of a gzip file.
"""

import ast
import functools
import inspect
from types import ModuleType
from typing import Any

import pytest

SETS = (set, frozenset)
KEEP_ORDER = ("list", "tuple", "zip", "enumerate", "map", "filter", "product", "chain", "fromkeys")
TIMED = (b"\x1f\x8b", b"PK")  # gzip, zip


def check(metafunc: pytest.Metafunc) -> None:
    """Refuse the values of a test that come from a set.

    Raises:
        UsageError: the values are a set, or made by going through one.
    """
    for marker in metafunc.definition.iter_markers("parametrize"):
        values = marker.args[1] if len(marker.args) > 1 else marker.kwargs["argvalues"]
        if isinstance(values, SETS):
            _refuse(metafunc.definition.nodeid)
    if metafunc.definition.originalname in _unordered_tests(metafunc.module):
        _refuse(metafunc.definition.nodeid)


def _refuse(test: str) -> None:
    raise pytest.UsageError(f"{test} goes through a set, whose order is random. Sort it.")


def make_id(value: object, name: str) -> None:
    """Refuse names that are made of packed bytes, which hold the time.

    Raises:
        UsageError: the value gives a bad name.
    """
    if isinstance(value, bytes) and value.startswith(TIMED):
        raise pytest.UsageError(f"The bytes of {name} would be a test's name. Pass `ids`.")


@functools.cache
def _unordered_tests(module: ModuleType) -> frozenset[str]:
    """Return the tests of a module whose values are made by going through a set."""
    tree = ast.parse(inspect.getsource(module))
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for call in function.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "parametrize"
        if any(is_unordered(values, vars(module), assigned) for values in call.args[1:2])
    )


def is_unordered(
    node: ast.expr, names: dict[str, Any], assigned: dict[str, ast.expr] | None = None
) -> bool:
    """Return True if the order of an expression's elements is that of a set.

    Args:
        node: the expression.
        names: values of its names.
        assigned: expressions of its names.
    """
    assigned = assigned or {}
    further: list[ast.expr] = []
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            expression = assigned.get(name)
            others = {key: value for key, value in assigned.items() if key != name}
            return isinstance(names.get(name), SETS) or (
                expression is not None and is_unordered(expression, names, others)
            )
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return isinstance(getattr(names.get(name), attribute, None), SETS)
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=arguments):
            if function in ("set", "frozenset"):
                return True
            further = arguments if function in KEEP_ORDER else []
        case ast.ListComp(generators=generators) | ast.GeneratorExp(generators=generators):
            further = [generator.iter for generator in generators]
        case ast.DictComp(generators=generators):
            further = [generator.iter for generator in generators]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            further = [part.value for part in elements if isinstance(part, ast.Starred)]
        case ast.BinOp(left=left, right=right):
            further = [left, right]
    return any(is_unordered(part, names, assigned) for part in further)
