"""Hostile params.yaml: one sentence with file and line, and no stage runs."""

import pytest

from tests.unit.hostile.cases import Case, assert_one_sentence, run_stage, snapshot, write_project

# ruff: noqa: E501

BOMB = "".join(f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]\n" for n in range(1, 9))
MERGES = "".join(f"a{n}: &a{n} {{<<: [{', '.join(10 * [f'*a{n - 1}'])}]}}\n" for n in range(1, 9))


def edit(old: str, new: str):
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


CASES = {
    "no UTF-8": Case(r"params\.yaml:2 is not UTF-8 .*UTF-8", params=b"seed: 1\nsed: \xe9\n"),
    "NUL": Case(r"params\.yaml:2 .*character 0x00\. Remove it", params=b"seed: 1\nsed: \0\n"),
    "tab": Case(r"params\.yaml:2 .*tab cannot indent.*Use spaces", params=b"a:\n\tb: 1\n"),
    "open bracket": Case(
        r"params\.yaml:3 .*Check indentation, brackets", params=b"a: 1\nseed: [\n"
    ),
    "two colons": Case(r"params\.yaml:2 .*mapping values are not", params=b"a: 1\nb: c: d\n"),
    "repeated key": Case(r"params\.yaml:2 .*'seed' is repeated", params=b"seed: 1\nseed: 2\n"),
    "nested": Case(r"params\.yaml .*nested too deeply", params=b"seed: " + b"[" * 2000),
    "aliases of aliases": Case(
        r"params\.yaml:\d .*more than 200,000 values.*Remove", params=f"a0: &a0 x\n{BOMB}".encode()
    ),
    "merges of merges": Case(
        r"params\.yaml:\d .*more than 200,000 values.*Remove",
        params=f"a0: &a0 {{k: v, l: w}}\n{MERGES}".encode(),
    ),
    "alias of itself": Case(r"params\.yaml:1 .*aliases.*Remove", params=b"a: &a [*a]\n"),
    "unknown alias": Case(r"params\.yaml:1 .*undefined alias", params=b"a: *b\n"),
    "too large": Case(r"params\.yaml has more than 1,024 KiB.*texts/", params=b"#" * 2**21),
    "list": Case(r"params\.yaml must be a map", params=b"- 1\n"),
    "empty": Case(r"params\.yaml is empty", params=b"\n"),
    "Python object": Case(
        r"params\.yaml:1 .*tag.*python/object", params=b"a: !!python/object/apply:os.system [ls]\n"
    ),
    "octal number": Case(r"params\.yaml:1 .*'010' is an ambiguous", params=b"seed: 010\n"),
    "no such day": Case(r"params\.yaml:1 .*no valid date.*quotes", params=b"seed: 2020-02-30\n"),
    "huge number": Case(r"params\.yaml:1 .*no valid integer", params=b"seed: " + b"9" * 5000),
    "NUL in a path": Case(
        r"params\.yaml:\d+ .*character NUL .*Remove it",
        params=edit("- texts/mood.csv", '- "texts/mood\\0.csv"'),
    ),
    "NUL in a name": Case(
        r"params\.yaml:\d+ .*character NUL .*Remove it", params=edit("  mood:", '  "mo\\0od":')
    ),
    "half a character": Case(
        r"params\.yaml:\d+ .*surrogate pair.*Remove it", params=edit("- bad", '- "\\ud800"')
    ),
    "misspelt key": Case(
        r"params\.yaml:\d+: corpora\.mood\.tokns is not a valid key; did you mean 'tokens'",
        params=edit("    tokens:", "    tokns:"),
    ),
    "missing key": Case(
        r"params\.yaml:\d+: corpora\.mood\.tokens is missing",
        params=edit("    tokens: words\n", ""),
    ),
    "misspelt value": Case(
        r"params\.yaml:\d+: corpora\.mood\.tokens is 'wrods'; did you mean 'words'",
        corpus={"tokens": "wrods"},
    ),
    "number below its bound": Case(
        r"params\.yaml:\d+: .*max_length is 0: it must be greater",
        corpus={"cleaning": {"max_length": 0}},
    ),
    "text for a number": Case(
        r"params\.yaml:\d+: .*max_length is 'six'.* integer",
        corpus={"cleaning": {"max_length": "six"}},
    ),
    "password in a URL of another kind": Case(
        r"params\.yaml:\d+: corpora\.mood\.source\.downloads\.0\.url is 'ftp://host/a\.csv': it must",
        corpus={
            "source": {
                "kind": "url",
                "paths": None,
                "downloads": [
                    {"url": "ftp://me:secret@host/a.csv?token=secret", "sha256": "0" * 64}
                ],
            }
        },
    ),
    "path out of the project": Case(
        r"params\.yaml: corpora\.mood\.source\.paths: .*texts/",
        corpus={"source": {"paths": ["../mood.csv"]}},
    ),
    "absolute path": Case(
        r"params\.yaml: corpora\.mood\.source\.paths: .*texts/",
        corpus={"source": {"paths": ["/etc/passwd"]}},
    ),
    "no such file": Case(
        r"params\.yaml: corpora\.mood\.source\.paths: .*mod\.csv.*mood\.csv",
        corpus={"source": {"paths": ["texts/mod.csv"]}},
    ),
    "no file of a pattern": Case(
        r"params\.yaml: corpora\.mood\.source\.paths: .*\*\.txt",
        corpus={"source": {"paths": ["texts/*.txt"]}},
    ),
    "name too long": Case(
        r"params\.yaml: corpora\.mood\.source\.paths: .*",
        corpus={"source": {"paths": [f"texts/{'x' * 300}"]}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_params_yaml_is_one_sentence(name, tmp_path, monkeypatch):
    case = CASES[name]
    write_project(tmp_path, case)
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    code, error = run_stage("check")
    assert_one_sentence(case, code, error)
    assert snapshot(tmp_path) == before
