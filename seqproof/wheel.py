"""Build hook: adds the files of a project to the wheel, as data of the package `seqproof`."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProjectHook(BuildHookInterface[Any]):
    """Hook of Hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, but not to an editable installation, which uses those of the clone."""
        if version == "editable":
            return
        root = Path(self.root)
        skeleton = runpy.run_path(str(root / "commands" / "skeleton.py"))
        for path, file in skeleton["wheel_files"](root).items():
            if file.is_file():  # a project has no change log at the top
                build_data["force_include"][str(file)] = f"seqproof/project/{path}"
