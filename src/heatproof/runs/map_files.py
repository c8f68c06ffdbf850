"""Where exported maps lie: a folder per data set, member and method, a file per film and finding.

``maps<ending>.csv`` says of which film, finding, method and model each file is.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.plain_tables import written_csv
from heatproof.tables.units import folder_name


class Names:
    """Names of the files of maps below a folder, each given once.

    Args:
        to: The folder.
        ending: How the names end.
        kind: The folder below it that holds them.
    """

    def __init__(self, to: Path, ending: str, kind: str = "maps") -> None:
        self._to, self._ending, self._kind = to, ending, kind
        self._taken: set[Path] = set()

    def of(self, each: MapOfFilm) -> Path:
        """The file of a map; its folder is made."""
        row = each.shown
        folder = self._to / self._kind / folder_name(row["data"], row["data"], digits=6)
        for part in ("member", "method"):
            folder /= folder_name(row[part], row[part], digits=6)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{row['image_id']}_{row['finding']}"
        # Names of films may hold what a file system does not take, or a path.
        is_plain = (
            name.replace("_", "").replace("-", "").replace(".", "").replace(" ", "").isalnum()
        )
        # Another film and finding may have the same name together: a_b of c, and a of b_c.
        if not is_plain or folder / name in self._taken:
            name = folder_name(name, row["image_id"], row["finding"])
        self._taken.add(folder / name)
        return folder / f"{name}{self._ending}"


def maps_as_files(
    what: Exported, to: Path, ending: str, save: Callable[[Path, Any], None]
) -> Iterator[Path]:
    """Write each map to a file of its own, and a list of them.

    Args:
        what: The maps.
        to: Folder to write to.
        ending: How names of files end.
        save: Writes the values of a map to a file.
    """
    listed, names = [], Names(to, ending)
    for each in what.maps():
        file = names.of(each)
        save(file, each.values(what.frame))
        height, width = each.size
        listed.append(
            {
                **each.shown,
                "validity": each.stored.validity.value,
                "film_height": height,
                "film_width": width,
                "frame": "the film" if what.frame == "film" else str(each.geometry),
                "file": file.relative_to(to).as_posix(),
            }
        )
        yield file
    yield written_csv(pl.DataFrame(listed), to / f"maps{ending}.csv")
