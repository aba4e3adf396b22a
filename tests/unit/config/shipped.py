"""Text of the shipped params.yaml, for the tests to edit."""

import re
from pathlib import Path

PATH = Path(__file__).parents[3] / "params.yaml"
# Without comments, so that an edit does not depend on them.
TEXT = re.sub(r"(^| +)# .*$", "", PATH.read_text(encoding="utf-8"), flags=re.M)
