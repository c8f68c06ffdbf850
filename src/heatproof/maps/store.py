"""Maps at rest: whole or absent, and never other than they were put.

A store is a folder with ``arrays/`` (Zarr 3, one array ``n k y x`` per put, named at random) and
``index.sqlite`` (which map lies where).  A put writes its array and then its rows of the index, in
one SQLite transaction; the commit is the moment at which all its maps appear.  A process killed
before leaves an array that no row names (``clean`` removes it); killed after, everything.  Readers
never wait; writers of one store take turns.  A map read is checked against a CRC-32 of its values,
its key, its version and its validity: where array or index are damaged, or two arrays swapped, the
maps concerned leave the index, so that they count as missing, and reading them is an error.  An
index that is no SQLite file any more is removed by ``clean``, and then all maps are missing.

A map belongs to a *version* of its image (``Pixels.version``): when the image changes, its maps
count as missing.  The index needs file locks that work, so not every network file system will do.
"""

import dataclasses
import json
import re
import shutil
import sqlite3
import time
import uuid
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Float, Float32
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore

from heatproof.data.geometry import FILM, Geometry
from heatproof.disk import ARRAYS, sync, sync_names
from heatproof.errors import AbsentMapError, DamagedFile, DamagedMapError, MapError, near_misses
from heatproof.maps.rounding import SIGNIFICANT, rounded
from heatproof.types import MapKey, ModelId, Validity

# Model and method have a table of their own, since their long texts repeat for every map of a
# block.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, method TEXT NOT NULL, UNIQUE (model, method)
);
CREATE TABLE IF NOT EXISTS maps (
    source INTEGER NOT NULL REFERENCES sources, image_id TEXT NOT NULL, finding TEXT NOT NULL,
    version TEXT NOT NULL, validity TEXT NOT NULL, checksum INTEGER NOT NULL,
    array TEXT NOT NULL, row INTEGER NOT NULL, col INTEGER NOT NULL,
    PRIMARY KEY (source, image_id, finding)
) WITHOUT ROWID;
"""
_PLACE = """
SELECT array, row, col, version, validity, checksum FROM maps JOIN sources ON source = id
WHERE model = ? AND method = ? AND image_id = ? AND finding = ?
"""
INDEX = "index.sqlite"
_NAME = re.compile("[0-9a-f]{32}")  # of an array
# An index with other tables is damaged, too: it was swapped with another file.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_KIND = 0xFF  # bits of an SQLite error that say its kind; the others give details
_WAIT = 300.0  # seconds that a writer waits for its turn
_FEW = 100  # images that are looked up one by one: more are found sooner by reading all rows
_WHOLE = 1 << 20  # bytes up to which an array is one chunk; above, each image is its own


@dataclass(frozen=True)
class StoredMap:
    """One map at the method's own resolution, and whether it may be read as one."""

    values: Float32[np.ndarray, "y x"]
    validity: Validity

    def over(self, geometry: Geometry) -> tuple[Float32[np.ndarray, "y x"], Geometry]:
        """The map as it is laid over a film: values, and the geometry that says what they cover.

        A map of one value is one cell over the whole film: no resampling, by whatever geometry, can
        make a range of its rounding.

        Args:
            geometry: Of the model that the map was made of.
        """
        if self.validity in (Validity.ZERO, Validity.CONSTANT):
            return self.values[:1, :1], FILM
        return self.values, geometry


@dataclass(frozen=True)
class _Place:
    key: MapKey
    array: str
    row: int
    col: int
    version: str
    validity: str
    checksum: int

    def holds(self, values: Float32[np.ndarray, "y x"]) -> bool:
        """Whether these are the values that were put here, under this key, version and validity."""
        plain = zlib.crc32(values.data)
        # Earlier versions put the CRC of the values alone.
        return self.checksum in (plain, _bound(plain, self.key, self.version, self.validity))


@dataclass(frozen=True)
class MapStore:
    """Saliency maps in a folder, which the first put creates.

    Safe to use from several threads and processes, and across forks: nothing is held open.
    """

    path: Path
    precision: int = SIGNIFICANT  # bits of the values that are put; see ``rounding``

    @property
    def films(self) -> frozenset[str] | None:
        """The films whose maps stay; None for all."""
        return None

    def put(
        self,
        model: ModelId,
        method: str,
        findings: Sequence[str],
        image_ids: Sequence[str],
        values: Float[np.ndarray, "n k y x"],
        validity: Sequence[Sequence[Validity]],
        versions: Sequence[str],
    ) -> None:
        """Store a block of maps, all or none; maps already there are replaced.

        Args:
            model: What was explained.
            method: Spec of the saliency method.
            findings: The ``k`` findings.
            image_ids: The ``n`` images.
            values: The maps; kept as float32, of as many significant bits as the store keeps.
            validity: Validity of each map, ``n x k``.
            versions: Version of each image.

        Raises:
            MapError: The arguments do not fit together, or a map that is not finite is called ok.
        """
        _check(findings, image_ids, values, validity, versions)
        if values.size == 0:
            return
        # Checksums are taken of bytes, which must be contiguous.
        values = np.ascontiguousarray(self.kept(values))
        self.path.mkdir(parents=True, exist_ok=True)
        with self._writing() as index:
            # A new name for every put means that no array is overwritten while someone reads it.
            name = uuid.uuid4().hex
            # Attributes let other tools read an array without the index.
            about = {
                "model": dataclasses.asdict(model),
                "method": method,
                "image_ids": list(image_ids),
                "findings": list(findings),
            }
            # The array is written under the lock, or `clean` could take it for an orphan before it
            # has rows.
            _write(self.path / ARRAYS / name, values, about)
            # An index that outlives a power cut must not name an array that did not.
            sync(self.path / ARRAYS / name)
            sync_names(self.path / ARRAYS)
            sync_names(self.path)
            index.execute(
                "INSERT OR IGNORE INTO sources (model, method) VALUES (?, ?)",
                (_text(model), method),
            )
            # `lastrowid` would not tell the id of a source that was there before.
            [source] = index.execute(
                "SELECT id FROM sources WHERE model = ? AND method = ?", (_text(model), method)
            ).fetchone()
            index.executemany(
                "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        *(source, image_id, finding, versions[row], validity[row][col].value),
                        _bound(
                            zlib.crc32(values[row, col].data),
                            MapKey(model, method, image_id, finding),
                            versions[row],
                            validity[row][col].value,
                        ),
                        *(name, row, col),
                    )
                    for row, image_id in enumerate(image_ids)
                    for col, finding in enumerate(findings)
                ),
            )

    def kept(self, values: Float[np.ndarray, "n k y x"]) -> Float32[np.ndarray, "n k y x"]:
        """Values of maps as the store keeps them."""
        single = values.astype(np.float32)
        fewer = rounded(single, self.precision)
        # A map that rounding makes constant was judged to be one that is not, and stays as it is.
        flat = (fewer == fewer[..., :1, :1]).all(axis=(2, 3), keepdims=True)
        return np.where(flat, single, fewer)

    def get(self, key: MapKey) -> StoredMap:
        """One map; raises MapError where it is absent or damaged."""
        return self.get_many([key])[0]

    def get_many(self, keys: Sequence[MapKey]) -> list[StoredMap]:
        """Maps in the order of the keys; reads each array once.

        Raises:
            AbsentMapError: A map is absent; the message says what is there.
            DamagedMapError: A map is not as it was put; it counts as missing from now on.
        """
        try:
            return self._read(keys)
        except _DamagedArrayError:
            pass  # Replaced and cleaned away since we looked it up, so look again.
        try:
            return self._read(keys)
        except _DamagedArrayError as error:
            [name] = error.args
            self._forget(name)
            raise DamagedMapError(
                f"the maps in {self.path / ARRAYS / name} are damaged or gone, and count as missing"
                " from now on"
            ) from error

    def missing(
        self, model: ModelId, method: str, findings: Sequence[str], versions: Mapping[str, str]
    ) -> list[str]:
        """Images, in the order of ``versions``, that lack a map of any of the findings.

        Args:
            model: What was explained.
            method: Spec of the saliency method.
            findings: All of which an image must have.
            versions: Image to its present version; a map of another version is no map.
        """
        there: dict[str, int] = {}
        images = list(versions) if len(versions) <= _FEW else []
        named = f" AND image_id IN ({', '.join('?' * len(images))})" if images else ""
        with self._reading() as index:
            rows = index.execute(
                "SELECT image_id, version, finding FROM maps JOIN sources ON source = id"
                f" WHERE model = ? AND method = ?{named}",
                (_text(model), method, *images),
            )
            wanted = set(findings)
            for image_id, version, finding in rows:
                if finding in wanted and versions.get(image_id) == version:
                    there[image_id] = there.get(image_id, 0) + 1
        # The primary key allows one row per image and finding, so counting them is enough.
        return [image_id for image_id in versions if there.get(image_id, 0) < len(wanted)]

    def clean(self) -> int:
        """Remove arrays that no map lies in any more; returns how many.

        Left by killed processes and by replaced maps.  Waits for writers, so nothing that is being
        written is touched.  A damaged index is removed before, with a warning.
        """
        self._remove_damaged_index()
        arrays = self.path / ARRAYS
        if not arrays.is_dir():
            return 0
        with self._writing() as index:
            kept = {name for [name] in index.execute("SELECT DISTINCT array FROM maps")}
            # What has another kind of name was put there by somebody else.
            ours = (folder for folder in arrays.iterdir() if _NAME.fullmatch(folder.name))
            orphans = [folder for folder in ours if folder.name not in kept]
            for folder in orphans:
                # A link is removed, and not what it leads to.
                folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
        return len(orphans)

    def damaged(self) -> list[Path]:
        """What is not as it was put: the index, or arrays; every map is read.

        Maps in these arrays count as missing from now on.
        """
        if self._index_is_damaged():
            return [self.path / INDEX]
        names: dict[str, list[MapKey]] = {}
        for place in self._places(list(self)):
            names.setdefault(place.array, []).append(place.key)
        found = []
        for name, keys in names.items():
            try:
                self.get_many(keys)
            except DamagedMapError:
                found.append(self.path / ARRAYS / name)
        return found

    def __contains__(self, key: MapKey) -> bool:
        with self._reading() as index:
            return index.execute(_PLACE, _address(key)).fetchone() is not None

    def __iter__(self) -> Iterator[MapKey]:
        with self._reading() as index:
            rows = index.execute(
                "SELECT model, method, image_id, finding FROM maps JOIN sources ON source = id"
                " ORDER BY model, method, image_id, finding"
            ).fetchall()
        # All rows are fetched before the first is yielded, so no connection stays open meanwhile.
        models: dict[str, ModelId] = {}
        for text, method, image_id, finding in rows:
            if text not in models:
                models[text] = _model(text)
            yield MapKey(models[text], method, image_id, finding)

    def __len__(self) -> int:
        with self._reading() as index:
            count: int = index.execute("SELECT count(*) FROM maps").fetchone()[0]
        return count

    def _read(self, keys: Sequence[MapKey]) -> list[StoredMap]:
        stored: dict[int, StoredMap] = {}
        by_array: dict[str, list[tuple[int, _Place]]] = {}
        for position, place in enumerate(self._places(keys)):
            by_array.setdefault(place.array, []).append((position, place))
        for name, wanted in by_array.items():
            maps = _maps(self.path / ARRAYS / name, [place for _, place in wanted])
            stored.update(zip((position for position, _ in wanted), maps, strict=True))
        return [stored[position] for position in range(len(keys))]

    def _places(self, keys: Sequence[MapKey]) -> list[_Place]:
        places = []
        with self._reading() as index:
            for key in keys:
                row = index.execute(_PLACE, _address(key)).fetchone()
                if row is None:
                    raise AbsentMapError(f"{self.path} has no map of {_lacking(index, key)}")
                places.append(_Place(key, *row))
        return places

    def _forget(self, array: str) -> None:
        """Take the maps of an array out of the index."""
        with self._writing() as index:
            index.execute("DELETE FROM maps WHERE array = ?", (array,))

    def _index_is_damaged(self) -> bool:
        """Whether the index is no SQLite file, not whole, or one of other tables."""
        try:
            with self._reading() as index:
                [answer] = index.execute("PRAGMA integrity_check(1)").fetchone()
                index.execute(_PLACE, ("", "", "", ""))
        except DamagedMapError:
            return True
        return bool(answer != "ok")

    def _remove_damaged_index(self) -> None:
        if self._index_is_damaged():
            warnings.warn(
                f"{self.path / INDEX}: was damaged, so its maps are made again",
                DamagedFile,
                stacklevel=3,
            )
            for end in ("", "-wal", "-shm"):
                (self.path / f"{INDEX}{end}").unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the only write lock; rolled back unless it ends well."""
        # Without an isolation level Python begins no transactions of its own beside those below.
        index = sqlite3.connect(self.path / INDEX, timeout=_WAIT, isolation_level=None)
        try:
            # WAL lets readers go on during a write, and SQLite cannot switch to it inside a
            # transaction.
            _to_wal(index)
            index.executescript(_SCHEMA)
            # A plain BEGIN takes the write lock only at the first INSERT, after the array is
            # written.
            index.execute("BEGIN IMMEDIATE")
            yield index
            index.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._as_ours(error, "written") from error
        finally:
            index.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        file = self.path / INDEX
        # A store that nobody has put anything into is an empty one.
        index = sqlite3.connect(file if file.exists() else ":memory:", timeout=_WAIT)
        try:
            # A writer creates the file before its tables, and may be killed in between.
            if not index.execute("SELECT 1 FROM sqlite_master WHERE name = 'maps'").fetchone():
                index.close()
                index = sqlite3.connect(":memory:")
                index.executescript(_SCHEMA)
            yield index
        except sqlite3.DatabaseError as error:
            raise self._as_ours(error, "read") from error
        finally:
            index.close()

    def _as_ours(self, error: sqlite3.DatabaseError, done: str) -> Exception:
        """An error of the index: that it is damaged, or what the system has against it."""
        file, code = self.path / INDEX, getattr(error, "sqlite_errorcode", 0) & _KIND
        if code in _DAMAGED:
            return DamagedMapError(
                f"{file} is damaged ({error}); the next run makes its maps again"
            )
        # Every file of results reports a full disk as OSError, and so does the index.
        return OSError(f"{file} cannot be {done}: {error}")


class _DamagedArrayError(Exception):
    """An array, by its name, is not as it was put."""


def _to_wal(index: sqlite3.Connection) -> None:
    """SQLite does not wait for others when it changes the kind of journal, so we do."""
    until = time.monotonic() + _WAIT
    while True:
        try:
            index.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _write(path: Path, values: Float32[np.ndarray, "n k y x"], about: dict[str, Any]) -> None:
    small = values.nbytes <= _WHOLE
    array = zarr.create_array(
        LocalStore(path),  # a path as text may be taken for an address
        shape=values.shape,
        dtype="float32",
        chunks=values.shape if small else (1, *values.shape[1:]),
        shards=None if small else values.shape,  # one file, however many maps
        # The codec's checksum finds damaged chunks, and that of the index also finds missing ones.
        compressors=[BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()],
        fill_value=float("nan"),
        attributes=about,
        dimension_names=("image", "finding", "y", "x"),
        config={"write_empty_chunks": True},  # a map of nan is a map
    )
    array[...] = values


def _maps(folder: Path, places: Sequence[_Place]) -> list[StoredMap]:
    try:
        array: Any = zarr.open_array(LocalStore(folder, read_only=True), mode="r")
        images = {place.row for place in places}
        if array.nbytes <= _WHOLE or 2 * len(images) > array.shape[0]:
            array = array[...]  # each image asked for by itself takes longer
        else:
            array = {image: array[image] for image in images}
        values = [np.ascontiguousarray(array[place.row][place.col]) for place in places]
        sound = all(map(_Place.holds, places, values))
        maps = [StoredMap(*each) for each in zip(values, map(_validity, places), strict=True)]
    except (PermissionError, MemoryError):
        raise  # nothing is damaged
    except Exception as error:  # Zarr has no error of its own for metadata that were altered
        raise _DamagedArrayError(folder.name) from error
    if not sound:
        raise _DamagedArrayError(folder.name)
    return maps


def _validity(place: _Place) -> Validity:
    return Validity(place.validity)


def _bound(checksum: int, key: MapKey, version: str, validity: str) -> int:
    """The checksum of some values, bound to all that the index says of them."""
    return zlib.crc32("\0".join((*_address(key), version, validity)).encode(), checksum)


def _check(
    findings: Sequence[str],
    image_ids: Sequence[str],
    values: Float[np.ndarray, "n k y x"],
    validity: Sequence[Sequence[Validity]],
    versions: Sequence[str],
) -> None:
    expected = (len(image_ids), len(findings))
    if values.shape[:2] != expected:
        raise MapError(
            f"maps of shape {values.shape} for {expected[0]} images and {expected[1]} findings;"
            f" expected {expected} first: images before findings"
        )
    if (
        len(versions) != expected[0]
        or [len(row) for row in validity] != [expected[1]] * expected[0]
    ):
        raise MapError(
            f"{len(versions)} versions and {len(validity)} rows of validity for {expected[0]}"
            f" images and {expected[1]} findings; expected one version per image, one validity"
            " per map"
        )
    for what, names in (("image", image_ids), ("finding", findings)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise MapError(f"{what} {twice[0]!r} appears more than once in one put")
    finite = np.isfinite(values).all(axis=(2, 3))
    for row, col in np.argwhere(~finite):
        if validity[row][col] is not Validity.NOT_FINITE:
            raise MapError(
                f"the map of {findings[col]!r} for image {image_ids[row]!r} holds values that are"
                f" not finite, but its validity is {validity[row][col].value!r}"
            )


@lru_cache(maxsize=1024)  # key after key is of the same model
def _text(model: ModelId) -> str:
    # The index finds a model by this text, so equal models need equal texts.
    return json.dumps(model.at_rest(), sort_keys=True, ensure_ascii=False)


def _model(text: str) -> ModelId:
    return ModelId.of_rest(json.loads(text))


def _address(key: MapKey) -> tuple[str, str, str, str]:
    return _text(key.model), key.method, key.image_id, key.finding


def _lacking(index: sqlite3.Connection, key: MapKey) -> str:
    """The end of a message: which key is not in the store, and which near ones are."""
    model, method, image_id, finding = _address(key)
    named = "FROM maps JOIN sources ON source = id WHERE model = ?"
    steps = (
        (f"model {key.model}", model, "SELECT DISTINCT model FROM sources", ()),
        (f"method {method!r}", method, "SELECT method FROM sources WHERE model = ?", (model,)),
        (
            f"image {image_id!r} by {method}",
            image_id,
            f"SELECT DISTINCT image_id {named} AND method = ?",
            (model, method),
        ),
        (
            f"finding {finding!r} for image {image_id!r} by {method}",
            finding,
            f"SELECT finding {named} AND method = ? AND image_id = ?",
            (model, method, image_id),
        ),
    )
    for what, name, query, values in steps:
        present = [str(row[0]) for row in index.execute(query, values)]
        if name not in present:
            listed = [str(_model(text)) for text in present] if name == model else present
            return f"{what}; {_nearby(name if name != model else str(key.model), listed)}"
    # Everything is there by now, so another writer has put the map since it was looked up.
    return f"{finding!r}; it was put there this very moment"


def _nearby(name: str, names: list[str], most: int = 5) -> str:
    """Near misses among many names, without listing them all."""
    close = near_misses(name, names)
    if close.startswith("did you mean") or len(names) <= most:
        return close
    return f"{near_misses(name, sorted(names)[:most])} and {len(names) - most} more"
