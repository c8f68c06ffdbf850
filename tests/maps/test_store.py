"""Maps at rest: whole or absent, never other than they were put."""

import dataclasses
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.errors import DamagedFile, DamagedMapError, MapError
from heatproof.maps.store import MapStore
from heatproof.types import MapKey, ModelId, Validity

MODEL = ModelId("resnet18", "linear", "phantoms", 3, ("ab" * 32,))
OK = Validity.OK


def block(images: list[str], findings: list[str], size: int = 10, seed: int = 0) -> np.ndarray:
    shape = (len(images), len(findings), size, size)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def put(
    store: MapStore,
    images: list[str],
    findings: list[str],
    values: np.ndarray | None = None,
    version: str = "1",
    method: str = "grad_cam",
) -> np.ndarray:
    values = block(images, findings) if values is None else values
    validity = [[OK] * len(findings)] * len(images)
    store.put(MODEL, method, findings, images, values, validity, [version] * len(images))
    return values


@pytest.fixture
def store(tmp_path: Path) -> MapStore:
    return MapStore(tmp_path / "maps")


@pytest.mark.parametrize("size", [10, 320])  # below and above one chunk
def test_what_was_put_comes_back(store: MapStore, size: int) -> None:
    images, findings = ["b", "a", "c"], ["Edema", "Nodule"]
    values = put(store, images, findings, block(images, findings, size))
    keys = [MapKey(MODEL, "grad_cam", image, finding) for finding in findings for image in images]
    for key, found in zip(keys, store.get_many(keys), strict=True):
        expected = values[images.index(key.image_id), findings.index(key.finding)]
        assert np.array_equal(found.values, expected)
        assert found.validity is OK
    assert set(store) == set(keys)
    assert len(store) == len(keys)
    assert all(key in store for key in keys)


def test_a_map_that_is_not_finite_comes_back_as_it_was(store: MapStore) -> None:
    values = np.full((1, 2, 3, 3), np.nan, np.float32)
    values[0, 1] = 1
    store.put(MODEL, "m", ["f", "g"], ["i"], values, [[Validity.NOT_FINITE, OK]], ["1"])
    found = store.get(MapKey(MODEL, "m", "i", "f"))
    assert np.isnan(found.values).all()
    assert found.validity is Validity.NOT_FINITE


def test_a_store_that_nobody_wrote_is_empty(store: MapStore) -> None:
    assert list(store) == []
    assert len(store) == 0
    assert store.missing(MODEL, "m", ["f"], {"i": "1"}) == ["i"]
    assert store.clean() == 0
    with pytest.raises(MapError, match="there are none"):
        store.get(MapKey(MODEL, "m", "i", "f"))
    assert not store.path.exists()


def test_missing_asks_for_every_finding_at_the_present_version(store: MapStore) -> None:
    put(store, ["a", "b"], ["f", "g"])
    put(store, ["c"], ["f"])
    versions = {"d": "1", "c": "1", "b": "2", "a": "1"}
    assert store.missing(MODEL, "grad_cam", ["f", "g"], versions) == ["d", "c", "b"]
    assert store.missing(MODEL, "grad_cam", ["f"], versions) == ["d", "b"]
    assert store.missing(MODEL, "other", ["f"], versions) == list(versions)
    other = dataclasses.replace(MODEL, seed=4)
    assert store.missing(other, "grad_cam", ["f"], versions) == list(versions)


def test_putting_again_replaces(store: MapStore) -> None:
    put(store, ["a", "b"], ["f"])
    new = put(store, ["b"], ["f"], block(["b"], ["f"], seed=1), version="2")
    assert np.array_equal(store.get(MapKey(MODEL, "grad_cam", "b", "f")).values, new[0, 0])
    assert store.missing(MODEL, "grad_cam", ["f"], {"a": "1", "b": "2"}) == []
    assert len(store) == 2
    assert store.clean() == 0  # the first array still holds a
    put(store, ["a"], ["f"], block(["a"], ["f"], seed=2))
    assert store.clean() == 1
    assert np.array_equal(store.get(MapKey(MODEL, "grad_cam", "b", "f")).values, new[0, 0])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (MapKey(MODEL, "grad_cam", "patient01", "Edema"), "did you mean patient1"),
        (MapKey(MODEL, "grad_cam", "patient1", "Oedema"), "did you mean Edema"),
        (MapKey(MODEL, "gradcam", "patient1", "Edema"), "method 'gradcam'; did you mean grad_cam"),
        (MapKey(ModelId("vgg"), "grad_cam", "patient1", "Edema"), "model vgg.*resnet18"),
    ],
)
def test_an_absent_map_is_answered_with_what_there_is(
    store: MapStore, key: MapKey, text: str
) -> None:
    put(store, ["patient1", "patient2"], ["Edema"])
    assert key not in store
    with pytest.raises(MapError, match=text):
        store.get(key)


def test_the_list_of_what_there_is_stays_short(store: MapStore) -> None:
    put(store, [f"{number:03}" for number in range(200)], ["f"])
    with pytest.raises(MapError, match="195 more") as raised:
        store.get(MapKey(MODEL, "grad_cam", "quite another", "f"))
    assert len(str(raised.value)) < 300


@settings(max_examples=25)
@given(st.lists(st.text(), min_size=1, max_size=3, unique=True), st.text(), st.text())
def test_names_may_hold_any_characters(images: list[str], finding: str, method: str) -> None:
    path = Path(os.environ["PYTEST_TMP"]) / str(random.Random().random())
    store = MapStore(path)
    values = put(store, images, [finding], method=method)
    for image, expected in zip(images, values, strict=True):
        found = store.get(MapKey(MODEL, method, image, finding))
        assert np.array_equal(found.values, expected[0])
    assert {key.image_id for key in store} == set(images)
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def _folder_for_properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_TMP", str(tmp_path))


@pytest.mark.parametrize("size", [10, 320])
@pytest.mark.parametrize("damage", ["remove", "flip"])
def test_a_missing_or_damaged_chunk_is_an_error(store: MapStore, size: int, damage: str) -> None:
    put(store, ["a", "b"], ["f"], block(["a", "b"], ["f"], size))
    files = [file for file in (store.path / "arrays").rglob("*") if file.is_file()]
    [chunk] = [file for file in files if file.name != "zarr.json"]
    if damage == "remove":
        chunk.unlink()
    else:
        data = bytearray(chunk.read_bytes())
        data[100] ^= 1
        chunk.write_bytes(data)
    assert is_missing_once_read(store)


def is_missing_once_read(store: MapStore) -> bool:
    """Whether reading a map says that it is damaged, and it counts as missing from then on."""
    with pytest.raises(DamagedMapError, match="damaged or gone"):
        store.get(MapKey(MODEL, "grad_cam", "a", "f"))
    return "a" in store.missing(MODEL, "grad_cam", ["f"], {"a": "1"})


def test_an_array_that_is_gone_is_an_error(store: MapStore) -> None:
    put(store, ["a"], ["f"])
    shutil.rmtree(store.path / "arrays")
    assert is_missing_once_read(store)


def test_no_flipped_byte_of_an_array_is_believed(store: MapStore) -> None:
    values = put(store, ["a"], ["f"])
    index = (store.path / "index.sqlite").read_bytes()
    files = [file for file in (store.path / "arrays").rglob("*") if file.is_file()]
    assert len(files) == 2  # the values and what Zarr says of them
    noticed = 0
    for file in files:
        good = file.read_bytes()
        for place in range(0, len(good), 11):
            file.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
            try:
                found = store.get(MapKey(MODEL, "grad_cam", "a", "f"))
                assert np.array_equal(found.values, values[0, 0])  # such as a byte of an attribute
            except DamagedMapError:
                noticed += 1
                (store.path / "index.sqlite").write_bytes(index)  # with the map that was forgotten
        file.write_bytes(good)
    assert noticed > 20


def altered(store: MapStore, change: str) -> None:
    with sqlite3.connect(store.path / "index.sqlite") as index:
        index.execute(change)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE maps SET validity = 'constant'",
        "UPDATE maps SET row = 1 - row",
        "UPDATE maps SET col = 1 - col",
        "UPDATE maps SET checksum = checksum + 1",
        "UPDATE sources SET method = 'grad_cam', id = id",
    ],
)
def test_no_altered_row_of_the_index_is_believed(store: MapStore, change: str) -> None:
    put(store, ["a", "b"], ["f", "g"], method="grad_cam" if "maps" in change else "occlusion")
    altered(store, change)
    assert is_missing_once_read(store)


def test_swapped_arrays_are_noticed(store: MapStore) -> None:
    for image in ("a", "b"):
        put(store, [image], ["f"])  # equal values, so that only the names differ
    one, other = sorted((store.path / "arrays").iterdir())
    for source, target in ((one, "x"), (other, one.name), (one.with_name("x"), other.name)):
        source.rename(source.with_name(target))
    assert np.array_equal(
        store.get(MapKey(MODEL, "grad_cam", "a", "f")).values, block(["a"], ["f"])[0, 0]
    )
    put(store, ["b"], ["f"], block(["b"], ["f"], seed=1))
    store.clean()
    one, other = sorted((store.path / "arrays").iterdir())
    for source, target in ((one, "x"), (other, one.name), (one.with_name("x"), other.name)):
        source.rename(source.with_name(target))
    assert is_missing_once_read(store)


@pytest.mark.parametrize("content", [b"", b"no database" * 100, os.urandom(8192)])
def test_an_index_that_is_none_any_more_is_removed_with_a_warning(
    store: MapStore, content: bytes
) -> None:
    put(store, ["a"], ["f"])
    (store.path / "index.sqlite").write_bytes(content)
    for end in ("-wal", "-shm"):
        (store.path / f"index.sqlite{end}").unlink(missing_ok=True)
    if content:  # an empty file is a database without tables
        with pytest.warns(DamagedFile, match="made again"):
            store.clean()
    assert store.missing(MODEL, "grad_cam", ["f"], {"a": "1"}) == ["a"]
    values = put(store, ["a"], ["f"])
    assert np.array_equal(store.get(MapKey(MODEL, "grad_cam", "a", "f")).values, values[0, 0])


def test_a_put_into_a_damaged_index_is_told(store: MapStore) -> None:
    put(store, ["a"], ["f"])
    (store.path / "index.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DamagedMapError, match=r"index\.sqlite is damaged"):
        put(store, ["a"], ["f"])


def test_maps_of_the_last_version_are_still_read(store: MapStore) -> None:
    values = put(store, ["a"], ["f"])
    altered(store, f"UPDATE maps SET checksum = {zlib.crc32(values[0, 0].data)}")
    assert np.array_equal(store.get(MapKey(MODEL, "grad_cam", "a", "f")).values, values[0, 0])


def test_cleaning_removes_nothing_that_the_store_did_not_make(
    store: MapStore, tmp_path: Path
) -> None:
    put(store, ["a"], ["f"])
    foreign, arrays = tmp_path / "foreign", store.path / "arrays"
    foreign.mkdir()
    (foreign / "precious").write_text("x")
    (arrays / "mine").mkdir()
    (arrays / ("0" * 32)).symlink_to(foreign, target_is_directory=True)
    assert store.clean() == 1  # the link
    assert (foreign / "precious").read_text() == "x"
    assert (arrays / "mine").is_dir()
    assert not (arrays / ("0" * 32)).is_symlink()


def test_everything_damaged_is_found(store: MapStore) -> None:
    for image in ("a", "b"):
        put(store, [image], ["f"])
    assert store.damaged() == []
    first, _ = sorted((store.path / "arrays").iterdir())
    shutil.rmtree(first)
    assert store.damaged() == [first]
    (store.path / "index.sqlite").write_bytes(b"x" * 5000)
    assert store.damaged() == [store.path / "index.sqlite"]


def test_other_tools_can_read_the_arrays(store: MapStore) -> None:
    values = put(store, ["a", "b"], ["f"])
    [folder] = (store.path / "arrays").iterdir()
    array = zarr.open_array(folder, mode="r")
    assert np.array_equal(array[...], values)
    assert array.attrs["image_ids"] == ["a", "b"]
    assert array.attrs["model"]["architecture"] == "resnet18"
    assert np.isnan(array.fill_value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_ids": ["a"]}, "images before findings"),
        ({"versions": ["1"]}, "one version per image"),
        ({"validity": [[OK, OK], [OK]]}, "one validity per map"),
        ({"image_ids": ["a", "a"]}, "image 'a' appears more than once"),
        ({"findings": ["f", "f"]}, "finding 'f' appears more than once"),
        ({"values": np.full((2, 2, 4, 4), np.nan, np.float32)}, "not finite.*validity is 'ok'"),
    ],
)
def test_a_put_that_does_not_fit_together_writes_nothing(
    store: MapStore, change: dict[str, object], text: str
) -> None:
    arguments = {
        "model": MODEL,
        "method": "m",
        "findings": ["f", "g"],
        "image_ids": ["a", "b"],
        "values": np.zeros((2, 2, 4, 4), np.float32),
        "validity": [[OK, OK], [OK, OK]],
        "versions": ["1", "1"],
    }
    with pytest.raises(MapError, match=text):
        store.put(**(arguments | change))  # type: ignore[arg-type]
    assert not store.path.exists()


def test_threads_may_share_a_store(store: MapStore) -> None:
    def work(number: int) -> bool:
        images = [f"{number} {index}" for index in range(3)]
        values = put(store, images, ["f"], block(images, ["f"], seed=number))
        keys = [MapKey(MODEL, "grad_cam", image, "f") for image in images]
        found = np.stack([one.values for one in store.get_many(keys)])
        return np.array_equal(found, values[:, 0])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(12)))
    assert len(store) == 36


def _write_many(path: Path, writer: int) -> None:
    for index in range(5):
        put(MapStore(path), [f"{writer} {index}", "shared"], ["f"])


@pytest.mark.slow
def test_processes_may_share_a_store(store: MapStore) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_many, args=(store.path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        store.get_many(list(store))  # reads while the others write
        time.sleep(0.01)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(store) == 16
    assert store.clean() == 0


WRITER = """
import sys
from pathlib import Path
import numpy as np
from heatproof.maps.store import MapStore
from heatproof.types import ModelId, Validity
store = MapStore(Path(sys.argv[1]))
print("ready", flush=True)
for unit in range(1000):
    names = [f"{unit} {index}" for index in range(4)]
    values = np.full((4, 2, 64, 64), unit, np.float32)
    store.put(ModelId("m"), "g", ["f", "g"], names, values, [[Validity.OK] * 2] * 4, ["1"] * 4)
    print(unit, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_maps_are_whole_or_absent(store: MapStore) -> None:
    moments = random.Random(0)
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, store.path], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.4))
        writer.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in writer.stdout.read().split()]
        writer.stdout.close()
        writer.wait()
        keys = list(store)
        units = {int(key.image_id.split()[0]) for key in keys}
        assert len(keys) == 8 * len(units)  # each put whole
        assert set(acknowledged) <= units  # none lost
        for key, found in zip(keys, store.get_many(keys), strict=True):
            assert (found.values == int(key.image_id.split()[0])).all()
        store.clean()
        arrays = {folder.name for folder in (store.path / "arrays").glob("*")}
        assert len(arrays) == len(units)  # nothing left behind, nothing doubled
        assert len(store.get_many(keys)) == len(keys)
