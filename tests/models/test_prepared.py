"""Prepared films: each is prepared once, and is to the last bit what it would be anew."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from heatproof.data.decoded import Changed, Decoded
from heatproof.data.decoding.levels import Levels
from heatproof.data.geometry import Letterbox, Squash
from heatproof.data.intensities.z_score import ZScore
from heatproof.data.interpolations.of_pillow import Pillow
from heatproof.data.interpolations.of_torch import Torch
from heatproof.data.pixels import ArrayPixels, ImageFile
from heatproof.errors import PixelError
from heatproof.models.own_transform import OwnTransform
from heatproof.models.prepared import PreparedFilms
from heatproof.models.preprocessing import Preprocessing

FLOATS = Preprocessing(Squash(24, 20), channels=1, mean=(0.5,), std=(0.25,))
BYTES = Preprocessing(Letterbox(24, 24, interpolation=Pillow()))
OF_FLOATS, OF_BYTES = 4 * 24 * 20, 24 * 24


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 30), np.uint8)).save(path)
    return paths


@pytest.fixture
def reads(monkeypatch) -> list[Path]:
    """The files that were decoded."""
    decoded: list[Path] = []
    read = ImageFile.read
    monkeypatch.setattr(ImageFile, "read", lambda self: decoded.append(self.path) or read(self))
    return decoded


def anew(preprocessing: Preprocessing, path: Path) -> torch.Tensor:
    return preprocessing.tensor(ImageFile(path).read())


def kept(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize("memory", [1_000_000, 0])
@pytest.mark.parametrize(
    "preprocessing",
    [
        FLOATS,
        BYTES,
        replace(FLOATS, after=(ZScore(),)),
        replace(FLOATS, before=(ZScore(),)),
        replace(FLOATS, geometry=Squash(24, 20, Torch("bicubic"))),  # leaves [0, 1]
    ],
)
def test_a_film_is_read_once_and_is_what_it_would_be_anew(
    paths, reads, tmp_path, preprocessing, memory
) -> None:
    expected = [anew(preprocessing, path) for path in paths]
    reads.clear()
    films = PreparedFilms(tmp_path / "prepared", memory=memory)
    for _ in range(3):
        for path, image in zip(paths, expected, strict=True):
            found = films.tensor(preprocessing, ImageFile(path))
            # As integers: -0 and 0 are other bits, and nan would be unequal to itself.
            assert torch.equal(found.view(torch.int32), image.view(torch.int32))
    assert reads == paths
    assert bool(kept(tmp_path / "prepared")) == (memory == 0)


@given(st.integers(1, 2**16 - 1), st.integers(0, 2**32 - 1))
def test_a_canvas_of_any_steps_comes_back_to_the_bit(steps, seed) -> None:
    film = np.random.default_rng(seed).integers(0, steps + 1, (7, 5)).astype(np.float32) / steps
    film[0, 0] = -0.0 if seed % 2 else 0.0
    plain = Preprocessing(Squash(7, 5), 1, (0.0,), (1.0,))

    class Named(ArrayPixels):
        def identity(self) -> str:
            return "film"

    films, pixels = PreparedFilms(), Named(film)
    first, again = (films.tensor(plain, pixels) for _ in range(2))
    assert torch.equal(first.view(torch.int32), again.view(torch.int32))
    assert torch.equal(again, plain.tensor(film))


def test_models_of_other_statistics_and_channels_share_a_film(paths, reads) -> None:
    others = [FLOATS, replace(FLOATS, mean=(0.1,), std=(0.7,)), replace(FLOATS, channels=3)]
    expected = [anew(other, paths[0]) for other in others]
    reads.clear()
    films = PreparedFilms()
    for other, image in zip(others, expected, strict=True):
        assert torch.equal(films.tensor(other, ImageFile(paths[0])), image)
    assert len(reads) == 1


@pytest.mark.parametrize("memory", [1_000_000, 0])
def test_what_changes_the_pixels_is_another_film(paths, tmp_path, memory) -> None:
    films = PreparedFilms(tmp_path / "prepared", memory=memory)
    first = films.tensor(FLOATS, ImageFile(paths[0]))
    pixels = [
        ImageFile(paths[1]),
        ImageFile(paths[0], levels=Levels(maximum=300)),
        ImageFile(paths[0], levels=Levels(photometric="MONOCHROME1")),
        Changed(ImageFile(paths[0]), np.fliplr),
        Changed(ImageFile(paths[0]), np.flipud),
    ]
    for other in pixels:
        expected = FLOATS.tensor(other.read())
        assert not torch.equal(expected, first)
        assert torch.equal(films.tensor(FLOATS, other), expected)
    # A file of the same size and time of change, as far as programs can set it.
    before = paths[0].stat()
    values = np.asarray(Image.open(paths[0]))
    Image.fromarray(values[::-1].copy()).save(paths[2])
    if paths[2].stat().st_size == before.st_size:
        paths[2].replace(paths[0])
        os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        Image.fromarray(255 - values).save(paths[0])
    assert torch.equal(films.tensor(FLOATS, ImageFile(paths[0])), anew(FLOATS, paths[0]))
    assert not torch.equal(films.tensor(FLOATS, ImageFile(paths[0])), first)


def test_films_that_do_not_say_what_they_are_and_own_transforms_are_prepared_anew() -> None:
    films, film = PreparedFilms(), np.random.default_rng(0).random((9, 9), dtype=np.float32)
    pixels = ArrayPixels(film)
    own = OwnTransform(lambda given: torch.from_numpy(given[:8, :8].copy())[None])
    for preprocessing in (FLOATS, own):
        films.tensor(preprocessing, pixels)
        film[...] = 1 - film
        assert torch.equal(films.tensor(preprocessing, pixels), preprocessing.tensor(film))


def test_a_film_in_memory_shares_what_its_source_is(paths, reads) -> None:
    films = PreparedFilms()
    for pixels in (ImageFile(paths[0]), Decoded(ImageFile(paths[0]))):
        assert films.tensor(FLOATS, pixels) is not None
    assert reads == paths[:1]
    assert Decoded(ArrayPixels(np.zeros((3, 3), np.float32))).identity() is None


def test_a_film_that_is_gone_or_damaged_is_an_error_each_time(paths) -> None:
    films = PreparedFilms()
    films.tensor(FLOATS, ImageFile(paths[0]))
    paths[0].unlink()
    paths[1].write_bytes(b"no film")
    for path in (*paths[:2], *paths[:2]):
        with pytest.raises(PixelError):
            films.tensor(FLOATS, ImageFile(path))


def test_later_runs_read_nothing_of_what_is_on_the_disk(paths, reads, tmp_path) -> None:
    for _ in range(2):
        films = PreparedFilms(tmp_path / "prepared", memory=0)
        for path in paths:
            films.tensor(BYTES, ImageFile(path))
    again = pickle.loads(pickle.dumps(films))
    again.tensor(BYTES, ImageFile(paths[0]))
    assert reads == paths


def _cut(file: Path, _: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip_a_bit(file: Path, _: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)


def _empty(file: Path, _: Path) -> None:
    file.write_bytes(b"")


def _swap(file: Path, other: Path) -> None:
    file.write_bytes(other.read_bytes())


def _remove(file: Path, _: Path) -> None:
    file.unlink()


def _a_folder(file: Path, _: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [_cut, _flip_a_bit, _empty, _swap, _remove, _a_folder])
def test_a_file_that_is_not_as_it_was_written_is_made_again(paths, reads, tmp_path, harm) -> None:
    expected = [anew(FLOATS, path) for path in paths]
    folder = tmp_path / "prepared"
    first = PreparedFilms(folder, memory=0)
    for path in paths:
        first.tensor(FLOATS, ImageFile(path))
    files = kept(folder)
    harm(files[0], files[1])
    for films in (first, PreparedFilms(folder, memory=0)):
        for path, image in zip(paths, expected, strict=True):
            assert torch.equal(films.tensor(FLOATS, ImageFile(path)), image)
    if harm is not _a_folder:  # which is nobody's to remove
        reads.clear()
        PreparedFilms(folder, memory=0).tensor(FLOATS, ImageFile(paths[0]))
        assert not reads


def test_memory_and_folder_keep_to_their_bounds(paths, reads, tmp_path) -> None:
    folder, of_file = tmp_path / "prepared", OF_FLOATS + 33
    films = PreparedFilms(folder, 2.5 * of_file / 1e9, memory=2 * OF_FLOATS)
    for _ in range(2):
        for path in paths:
            films.tensor(FLOATS, ImageFile(path))
    assert [file.stat().st_size for file in kept(folder)] == [of_file] * 2
    assert reads == [*paths, paths[4]]  # two in memory, two on the disk, one nowhere


def test_what_nobody_asks_for_gives_way(paths, tmp_path) -> None:
    folder, room = tmp_path / "prepared", 3 * (OF_FLOATS + 33) / 1e9
    before = PreparedFilms(folder, room, memory=0)
    for path in paths[:3]:
        before.tensor(FLOATS, ImageFile(path))
    old = set(kept(folder))
    now = PreparedFilms(folder, room, memory=0)
    now.tensor(FLOATS, ImageFile(paths[0]))  # is asked for, so it stays
    for path in paths[3:]:
        now.tensor(FLOATS, ImageFile(path))
    assert len(kept(folder)) == 3
    assert len(old & set(kept(folder))) == 1


@pytest.mark.parametrize("films", [PreparedFilms(memory=0), PreparedFilms(Path("none"), 0.0, 0)])
def test_without_room_films_are_prepared_anew(paths, reads, films) -> None:
    for _ in range(2):
        films.tensor(FLOATS, ImageFile(paths[0]))
    assert len(reads) == 2
    assert not Path("none").exists()


def test_a_full_disk_costs_time_alone(paths, tmp_path, full_at) -> None:
    films = PreparedFilms(tmp_path / "prepared", memory=0)
    with full_at(100):
        found = films.tensor(FLOATS, ImageFile(paths[0]))
    assert torch.equal(found, anew(FLOATS, paths[0]))
    assert not kept(tmp_path / "prepared")


def test_threads_share(paths, tmp_path) -> None:
    films = PreparedFilms(tmp_path / "prepared", memory=2 * OF_FLOATS)
    expected = [anew(FLOATS, path) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(
            lambda number: films.tensor(FLOATS, ImageFile(paths[number % 5])), range(200)
        )
        assert all(torch.equal(image, expected[n % 5]) for n, image in enumerate(found))
