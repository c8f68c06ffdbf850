"""Maps lie over their films, whatever the geometry of the model."""

import numpy as np
import pytest

from heatproof.data.geometry import FILM, Letterbox, Squash
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import framed
from heatproof.trust.similarity import compare, similarities
from heatproof.types import Sample, Validity
from tests.trust.unread import Unread


@pytest.mark.parametrize("size", [(96, 48), (48, 96), (64, 64)])
@pytest.mark.parametrize("geometry", [Squash(64, 64), Letterbox(64, 64)])
def test_models_with_other_geometries_have_their_maps_over_the_same_places(size, geometry):
    """A film with a bright quarter, seen by each geometry, comes back to the same quarter."""
    film = np.zeros(size, np.float32)
    film[: size[0] // 2, : size[1] // 2] = 1
    seen = geometry.image(film)
    back = framed(StoredMap(seen, Validity.OK), geometry, Sample("f", Unread(*size)), 32)
    assert back.values.shape == (32, 32)
    assert back.validity == Validity.OK
    inside = np.zeros((32, 32), bool)
    inside[:16, :16] = True
    clear = np.ones((32, 32), bool)
    rim = [0, *range(14, 18), 31]  # is blurred
    clear[rim], clear[:, rim] = False, False
    np.testing.assert_allclose(back.values[clear], inside[clear], atol=1e-5)


def test_a_map_finer_than_the_frame_is_averaged_and_not_picked_from():
    board = np.indices((256, 256)).sum(axis=0) % 2
    fine = StoredMap(board.astype(np.float32), Validity.OK)
    back = framed(fine, Squash(256, 256), Sample("f", Unread(256, 256)), 32)
    np.testing.assert_allclose(back.values, 0.5, atol=0.02)


@pytest.mark.parametrize("validity", [Validity.CONSTANT, Validity.ZERO])
@pytest.mark.parametrize("grid", [(7, 7), (224, 224), (300, 257)])
@pytest.mark.parametrize("geometry", [Squash(224, 224), Letterbox(224, 224)])
@pytest.mark.parametrize("normalization", ["min_max", "magnitude"])
def test_a_map_of_one_value_is_like_no_other(validity, grid, geometry, normalization):
    """Up to rounding, as networks make it."""
    values = np.full(grid, 0.7 if validity is Validity.CONSTANT else 0.0, np.float32)
    if validity is Validity.CONSTANT:
        values[::2] = np.nextafter(values[::2], np.float32(1))
    film = Sample("f", Unread(1000, 800))
    flat = framed(StoredMap(values, validity), geometry, film, 224)
    assert flat.validity is validity
    assert len(np.unique(flat.values)) == 1
    other = np.random.default_rng(0).random(grid, np.float32)
    map_ = framed(StoredMap(other, Validity.OK), geometry, film, 224)
    parts = similarities.parts(similarities.names())
    pair = flat.values[None], map_.values[None]
    for one, two in (pair, pair[::-1], (pair[0], pair[0])):
        for spec, value in compare(one, two, parts, normalization).items():
            assert np.isnan(value).all(), spec


@pytest.mark.parametrize("grid", [(7, 7), (300, 257), (500, 700)])
def test_a_plateau_stays_flat_in_the_frame(grid):
    values = np.zeros(grid, np.float32)
    values[: grid[0] // 2] = 0.7
    back = framed(StoredMap(values, Validity.OK), FILM, Sample("f", Unread(1000, 800)), 64)
    assert len(np.unique(back.values[:22])) == 1
    assert back.values[0, 0] == np.float32(0.7)
    assert (back.values[40:] == 0).all()
    # The map is the same from left to right, and so is the frame.
    assert (back.values == back.values[:, :1]).all()
