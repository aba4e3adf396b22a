"""Check every key and value of params.yaml before anything else runs."""

from pathlib import Path
from typing import Annotated

from pipelines import console, files
from pipelines.config import params


def main(receipt: Annotated[Path, console.Option(help="written when all is well")]) -> None:
    """Check params.yaml."""
    params.load(Path("params.yaml"))
    # Always the same bytes: what changed in params.yaml reruns only the stages that read it.
    files.write_text(receipt, "params.yaml is sound\n")


if __name__ == "__main__":
    console.launch("check", main)
