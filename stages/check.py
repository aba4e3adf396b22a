"""Check params.yaml before anything else runs."""

from pathlib import Path

from pipelines import console, files, paths
from pipelines.config import params
from pipelines.errors import UserError, did_you_mean
from pipelines.evaluation import metrics


def main() -> None:
    """Check params.yaml, and record the hashes of the text files of each corpus.

    `fetch` depends on the record of its own corpus, so a new text file fetches no other corpus
    again. The other stages depend on a constant file, so they run after this one and not again.

    Raises:
        UserError: params.yaml is invalid, or a text file is missing.
    """
    config = params.load(paths.PARAMS)
    metrics.check_goals(config)
    with files.atomic_write(paths.CHECKED) as folder:
        folder.mkdir()
        files.write_text(folder / paths.PARAMS_CHECKED.name, "params.yaml is valid\n")
        for name, corpus in config.corpora.items():
            texts = corpus.source.paths if corpus.source.kind == "files" else ()
            for text in texts:
                _require_file(name, text)
            record = {text: files.file_sha256(Path(text)) for text in texts}
            files.write_json(folder / paths.source_record(name).name, record)


def _require_file(corpus: str, text: str) -> None:
    if not Path(text).is_file():
        available = [file.as_posix() for file in paths.TEXTS.rglob("*") if file.is_file()]
        raise UserError(
            f"{paths.PARAMS}: corpora.{corpus}.source.paths: there is no file "
            f"'{text}'{did_you_mean(text, available)}. Correct the path, or put the file there."
        )


if __name__ == "__main__":
    console.launch("check", main)
