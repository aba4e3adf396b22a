"""Names and texts that could change the meaning of params.yaml."""

import pytest

from commands import own_text, templates
from pipelines.config import params, params_file
from pipelines.errors import UserError
from pipelines.proposals.options import Options
from pipelines.proposals.proposal import propose

ROWS = "".join(f"it is so {word} {n}\t{word}\n" for n in range(30) for word in ("good", "bad"))
NAMES = [
    "x: 1",
    "a # b",
    "- a",
    "*a",
    "&a",
    "<<",
    "null",
    "1",
    "@a",
    "%a",
    "'",
    "\x1b[31mred",
    "a\x85b",
]


@pytest.mark.parametrize("column", NAMES)
@pytest.mark.parametrize("corpus", ["0", "null", "1e5", "on", "my-reviews"])
def test_names_keep_their_meaning_in_params_yaml(column, corpus, tmp_path):
    file = tmp_path / "rows.tsv"
    file.write_text(f"{column}\tlabel\n{ROWS}", encoding="utf-8")
    options = Options(task="classification", text=column, label="label", header=True)
    proposal = propose([file], corpus, options)
    text = (templates.SOURCE / "params.yaml").read_text(encoding="utf-8")
    text = params_file.without_entries(text)
    text = own_text._with_proposal(text, proposal, own_text._target_names(proposal))
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8", newline="\n")
    loaded = params.load(tmp_path / "params.yaml")
    assert set(loaded.corpora) == {corpus}
    assert loaded.corpora[corpus].reader.columns["text"] == column


def test_rows_and_words_that_are_missing_are_named(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(b"\xef\xbb\xbf\0 0")
    with pytest.raises(UserError, match="no row that can be read as a table"):
        propose([file], None, Options(task="classification", header=True))
    file.write_text('{"text": []}\n' * 30, encoding="utf-8")
    with pytest.raises(UserError, match="no rows with text"):
        propose([file], None, Options())
    file.write_text("".join(f"word {n}\n" for n in range(50)), encoding="utf-8")
    with pytest.raises(UserError, match="--split stratified needs a label"):
        propose([file], None, Options(task="language_modelling", split="stratified"))
