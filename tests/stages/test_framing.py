"""Maps lie over their films, whatever the geometry of the model."""

import numpy as np
import pytest

from heatproof.data.geometry import Letterbox, Squash
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import framed
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
