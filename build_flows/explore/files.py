"""What an exploration leaves: ``explore.json``, ``explore.csv``, ``explore.html`` and the plots."""

import os
from collections.abc import Callable
from pathlib import Path

from build_flows.artefacts.explore import ExploreFile, PointRecord
from build_flows.base.owned import write_owned

__all__ = ["write_files"]


def write_files(found: ExploreFile, home: Path, folder: Path, tell: Callable[[str], None]) -> dict[str, Path]:
    """Write them into ``folder``, each whole or not at all; configurations, which ``found`` names relative to ``home``, are told relative
    to it. Returns the files by name. Files of the user's in their place are set aside, and ``tell`` is given a line about each."""
    from build_flows.pages import explore_page, explore_plots
    from build_flows.pages.explore_csv import to_csv

    def there(item: PointRecord) -> PointRecord:
        return item if item.config is None else item.replace(config=Path(os.path.relpath(home / item.config, folder)).as_posix())

    told = found.replace(**{key: [there(item) for item in getattr(found, key)] for key in ("front", "alone", "moved")})
    files = {"json": folder / "explore.json", "csv": folder / "explore.csv", "html": folder / "explore.html"}
    drawn = {f"{name}.{kind}": content for name in explore_plots.PLOTS for kind, content in explore_plots.files(name, told).items()}
    contents = {f"explore_{name}": content for name, content in drawn.items()}
    contents |= {"explore.html": explore_page.render(told).encode(), "explore.csv": to_csv(told).encode(),
                 "explore.json": told.dump().encode()}
    write_owned(folder, "explore", contents, tell)
    return files | {name: folder / f"explore_{name}" for name in drawn}
