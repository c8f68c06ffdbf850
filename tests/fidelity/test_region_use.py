"""Infills of regions, control regions, and cells on models and maps that are planted."""

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.fidelity.infills import infills, ring
from heatproof.fidelity.region_use import (
    RegionUse,
    cell,
    control_regions,
    exceeding,
    region_use,
    shows,
)
from heatproof.saliency.forward import ForwardPass
from tests.fidelity.conftest import LOOKS, SIDE

REGION = np.zeros((SIDE, SIDE), bool)
REGION[LOOKS] = True
INFILLS = infills.parts(infills.names())


def smooth() -> np.ndarray:
    """A plane, in two channels: what stands in a region follows from what is around it."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return np.stack([0.3 + 0.2 * x + 0.1 * y, 0.8 - 0.4 * y]).astype(np.float32)


@pytest.mark.parametrize("name", infills.names())
@pytest.mark.parametrize("region", [REGION, ~REGION], ids=["region", "complement"])
def test_only_the_region_is_replaced(name, region):
    image = smooth() + np.float32(0.1) * REGION
    filled = INFILLS[name](image, region, [smooth()])
    assert np.array_equal(filled[:, ~region], image[:, ~region])
    assert np.isfinite(filled).all()
    assert filled.dtype == image.dtype


@pytest.mark.parametrize(
    ("name", "error"),
    [("local_mean", 0.08), ("linear", 1e-4), ("telea", 0.08), ("navier_stokes", 0.08),
     ("normal_patch", 1e-5)],
)  # fmt: skip
def test_a_bright_region_vanishes(name, error):
    """Within the slope of the plane; exactly where an infill continues a plane or is given one."""
    filled = INFILLS[name](smooth() + np.float32(0.5) * REGION, REGION, [smooth() + 0.25])
    assert np.abs(filled - smooth()).max() < error


def test_blur_leaves_a_third_of_a_bright_region_at_most():
    filled = INFILLS["blur"](smooth() + np.float32(0.5) * REGION, REGION, [])
    assert (filled - smooth())[:, REGION].mean() < 0.5 / 3


def test_the_normal_patch_is_that_of_the_film_that_looks_alike_around_it():
    alike, other = smooth() + 0.2, smooth()[::-1].copy()
    filled = INFILLS["normal_patch"](smooth() + np.float32(0.5) * REGION, REGION, [other, alike])
    np.testing.assert_allclose(filled, smooth(), atol=1e-5)
    with pytest.raises(SpecError, match="no film without the finding"):
        INFILLS["normal_patch"](smooth(), REGION, [])


def test_the_ring_touches_the_region_and_is_not_in_it():
    around = ring(REGION)
    assert not (around & REGION).any()
    assert around[LOOKS[0].start - 1, LOOKS[1]].all()


def test_controls_have_the_shape_of_the_region_and_lie_elsewhere():
    odd = REGION.copy()
    odd[LOOKS[0].start, LOOKS[1].start] = False
    controls = control_regions(odd, [(0.75, 0.25)], count=20, seed=1)
    assert len(controls) == 20
    assert len({control.tobytes() for control in controls}) == 20
    y, x = np.nonzero(odd)
    for control in controls:
        rows, columns = np.nonzero(control)
        assert (rows - rows.min()).tolist() == (y - y.min()).tolist()
        assert (columns - columns.min()).tolist() == (x - x.min()).tolist()
        assert (control & odd).sum() <= 0.1 * odd.sum()
    near = [np.hypot(*(np.argwhere(control).mean(0) / SIDE - (0.75, 0.25))) for control in controls]
    assert np.count_nonzero(np.array(near) < 0.15) >= 5


def test_a_region_that_leaves_no_room_has_no_controls_and_no_verdict():
    whole = np.ones((SIDE, SIDE), bool)
    whole[0, 0] = False
    controls = control_regions(whole)
    assert len(controls) == 0
    use = RegionUse({"a": 9.0}, {"a": 0.0}, {"a": np.zeros(0)}, controls)
    assert use.uses() == "inconclusive"
    assert not shows(torch.ones(SIDE, SIDE), whole, controls)


def use_of(falls: dict[str, float], controls: float | np.ndarray) -> RegionUse:
    values = {spec: np.broadcast_to(controls, 39) for spec in falls}
    return RegionUse(falls, falls, values, np.zeros((39, 1, 1), bool))


@pytest.mark.parametrize(
    ("falls", "controls", "expected"),
    [
        ({"a": 1.0, "b": 1.0, "c": 0.0}, 0.0, "yes"),  # by most infills
        ({"a": 1.0, "b": 0.0, "c": 0.0}, 0.0, "inconclusive"),  # by one
        ({"a": 0.1, "b": 0.0, "c": -0.5}, 0.0, "no"),  # less than the margin
        ({"a": 1.0}, np.linspace(0, 3, 39), "no"),  # no more than elsewhere
        ({"a": 1.0}, np.linspace(0, 1.2, 39), "inconclusive"),  # more than in most places
    ],
)
def test_what_infills_say_together(falls, controls, expected):
    assert use_of(falls, controls).uses() == expected


def test_the_share_of_controls_counts_the_region_itself():
    assert exceeding(1.0, np.zeros(39)) == 1 / 40
    assert exceeding(1.0, np.ones(39)) == 1


@pytest.mark.parametrize(("target", "uses"), [(0, "yes"), (1, "no")])
def test_the_fall_is_that_of_the_logit(model, images, target, uses):
    """The first finding is told from the region, the second from everything alike."""
    parts = infills.parts(["local_mean", "telea", "linear"])
    controls = control_regions(REGION, seed=0)
    found = region_use(ForwardPass(model, images[:1]), REGION, target, parts, controls)
    with torch.no_grad():
        whole = float(model(images[:1])[0, target])
        for spec, infill in parts.items():
            for region, fall in (
                (REGION, found.falls[spec]),
                (~REGION, found.complements[spec]),
                (controls[3], found.controls[spec][3]),
            ):
                changed = torch.from_numpy(infill(images[0].numpy(), region, []))
                expected = whole - float(model(changed[None])[0, target])
                assert fall == pytest.approx(expected, abs=1e-5)
    assert found.uses(margin=0.2) == uses


def test_a_map_shows_a_region_where_it_has_more_there_than_elsewhere():
    controls = control_regions(REGION, seed=0)
    noise = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    there = noise + torch.from_numpy(REGION).float()
    assert shows(there, REGION, controls)
    assert not shows(torch.from_numpy(controls[0]).float(), REGION, controls)
    assert not shows(-there, REGION, controls)  # it speaks against the finding there
    assert not shows(torch.zeros(SIDE, SIDE), REGION, controls)


def test_the_four_cells():
    told = {(uses, shown): cell(uses, shown) for uses in ("yes", "no") for shown in (True, False)}
    assert told == {
        ("yes", True): "both right",
        ("yes", False): "model right, map wrong",
        ("no", False): "model wrong, map honest",
        ("no", True): "both wrong",
    }
    assert cell("inconclusive", True) is None
