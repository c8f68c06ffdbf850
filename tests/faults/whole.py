"""What of a run is whole, and when it was written, so that whatever is made again is seen."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.errors import HeatproofError
from heatproof.experiment.workspace import read_history
from heatproof.maps.store import INDEX, MapStore
from heatproof.models import card as cards
from heatproof.run.doctor import unit_tables
from heatproof.tables.contents import Contents
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.units import Units


def whole_parts(folder: Path) -> dict[Path, int]:
    """When each whole unit and model was written; a list of maps is whole where its maps are.

    Units that say what the files of films hold do not count: trials in which a film is put aside
    and back leave another file to all that follow.
    """
    damaged = {file for table in unit_tables() for file in Units(folder, table).damaged()}
    tables = [table for table in unit_tables() if table is not Contents]
    files = [file for table in tables for file in (folder / table.name).glob("*.parquet")]
    written_at = {file: file.stat().st_mtime_ns for file in files if file not in damaged}
    maps = _whole_maps(folder)
    lists = {
        file: pl.read_parquet(file.read_bytes()).select("member", "method", "image_id", "finding")
        for file in written_at
        if file.parent.name == MapsMade.name
    }
    # Several models have a map of the same film: where any of them lacks it, all lists do.  They
    # are counted in all lists, since that of this film may be damaged.
    every = pl.concat(lists.values()) if lists else pl.DataFrame(schema=["member", "method"])
    named = Counter(method for _, method in every.select("member", "method").unique().rows())
    for file, rows in lists.items():
        if any(maps[row] < named[row[0]] for row in rows.drop("member").rows()):
            del written_at[file]
    return written_at | _whole_models(folder)


def _whole_models(folder: Path) -> dict[Path, int]:
    found = {}
    for card in (folder / "models").glob(f"*/{cards.CARD}"):
        try:
            cards.check_whole(card.parent)
            read_history(card.parent)  # a part of the model, which is trained again without it
        except HeatproofError:
            continue
        for weights in card.parent.glob("*.safetensors"):
            found[weights] = weights.stat().st_mtime_ns
    return found


def _whole_maps(folder: Path) -> Counter[tuple[Any, ...]]:
    """Of how many models there is a map that can be read, by method, film and finding."""
    found: Counter[tuple[Any, ...]] = Counter()
    if not (folder / "maps").exists():
        return found
    with tempfile.TemporaryDirectory() as place:
        # A copy, since a store forgets what it finds damaged, which the run is to find by itself.
        copy = Path(shutil.copytree(folder / "maps", Path(place, "maps")))
        for store in map(MapStore, copy.iterdir()):
            if store.path / INDEX not in store.damaged():
                found.update((key.method, key.image_id, key.finding) for key in store)
    return found
