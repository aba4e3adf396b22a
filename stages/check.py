"""Check params.yaml before anything else runs."""

from pathlib import Path

from pipelines import console, files, paths
from pipelines.config import params
from pipelines.data import user_files
from pipelines.errors import UserError
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
            try:
                raw_files = user_files.find_files(texts, Path()).values()
            except UserError as error:
                key, message = f"corpora.{name}.source.paths", str(error)
                message = message[0].lower() + message[1:]
                raise UserError(f"{paths.PARAMS}: {key}: {message}") from None
            record = {file.as_posix(): files.file_sha256(file) for file in raw_files}
            files.write_json(folder / paths.source_record(name).name, record)


if __name__ == "__main__":
    console.launch("check", main)
