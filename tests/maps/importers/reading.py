"""What tests of importers share: two films, two findings, and maps to be found again."""

from pathlib import Path

import numpy as np

from heatproof.maps.importers import ImportedMap, importers
from heatproof.maps.naming import KnownFilms

FILMS, FINDINGS = ("film_0", "film_1"), ("Opacity", "Pleural Effusion")
KNOWN = KnownFilms("films", FILMS, FINDINGS)
PLACES = [(film, finding) for film in FILMS for finding in FINDINGS]


def values(place: tuple[str, str]) -> np.ndarray:
    """The map of a film and finding, higher than it is wide, and different for each."""
    generator = np.random.default_rng(PLACES.index(place))
    return generator.standard_normal((5, 3)).astype(np.float32)


def read(spec: str, folder: Path) -> dict[tuple[str, str], ImportedMap]:
    """Every map in a folder, by film and finding."""
    maps = [found.read() for found in importers.parse(spec).find(folder, KNOWN)]
    by_place = {(one.image_id, one.finding): one for one in maps}
    assert len(by_place) == len(maps)
    return by_place


def are_found(spec: str, folder: Path) -> bool:
    """Whether all maps are found, with every value."""
    maps = read(spec, folder)
    assert set(maps) == set(PLACES)
    return all(np.array_equal(maps[place].values, values(place)) for place in PLACES)
