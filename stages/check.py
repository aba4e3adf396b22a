"""Check every key and value of params.yaml before anything else runs."""

from pathlib import Path
from typing import Annotated

from pipelines import console, params


def main(receipt: Annotated[Path, console.Option(help="written when all is well")]) -> None:
    """Check params.yaml."""
    params.load(Path("params.yaml"))
    receipt.parent.mkdir(parents=True, exist_ok=True)
    # Always the same bytes: what changed in params.yaml reruns only the stages that read it.
    receipt.write_text("params.yaml is sound\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    console.launch("check", main)
