"""What every control promises; then each by its definition."""

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.model_selection import train_test_split

from heatproof.data.annotations import Boxes
from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Geometry, Letterbox, Squash
from heatproof.data.pixels import ArrayPixels
from heatproof.localize import Reference
from heatproof.localize.controls import (
    Context,
    Control,
    asks_finding,
    control_geometry,
    control_named,
    controls,
    inputs_of,
    name_of,
    prepared,
)
from heatproof.localize.controls.ceiling import ceiling
from heatproof.localize.controls.centre import centre
from heatproof.localize.controls.edges import edges
from heatproof.localize.controls.mean_mask import MaskSum
from heatproof.localize.controls.random import noise
from heatproof.localize.controls.readers import share
from heatproof.localize.measure import measure_map, measures
from heatproof.localize.metrics.auprc import AUPRC
from heatproof.localize.metrics.auroc import AUROC
from heatproof.localize.metrics.hit_rate import HitRate, peak
from heatproof.localize.reading import Reading
from heatproof.maps.store import StoredMap
from heatproof.tables.units import digest
from heatproof.types import Annotation, Validity

SAMPLES = tuple(
    replace(sample, benchmark=(replace(sample.annotations[0], source="a reader"),))
    if sample.annotations
    else sample
    for sample in Phantom(images=8)
)
CONTEXT = Context("films", SAMPLES, 0, "marks", (("film", "readings"),))


@pytest.mark.parametrize("name", controls.names())
class TestEveryControl:
    def test_explains_itself(self, name: str) -> None:
        control = controls.parse(name)
        assert isinstance(control, Control)
        assert control.title
        assert control.knows
        assert controls.parse(controls.spec(control)) == control
        assert control_named(name_of(control)) == control
        assert isinstance(control_geometry(control), Geometry)

    def test_makes_the_same_of_the_same_film(self, name: str) -> None:
        control = controls.parse(name)
        first, again = (prepared(control, CONTEXT) for _ in range(2))
        for film in SAMPLES:
            one, other = (make(film, "Nodule", "reference") for make in (first, again))
            assert isinstance(one, StoredMap | Reading | None)
            assert type(one) is type(other)
            if isinstance(one, StoredMap):
                np.testing.assert_array_equal(one.values, other.values)
                assert np.isfinite(one.values).all()
                assert one.validity in (Validity.OK, Validity.CONSTANT)
            if isinstance(one, StoredMap) and not asks_finding(control):
                np.testing.assert_array_equal(one.values, first(film, "", "").values)

    def test_is_made_again_when_what_it_depends_on_changes(self, name: str) -> None:
        control = controls.parse(name)
        inputs = inputs_of(control, CONTEXT)
        assert digest(*inputs) == digest(*inputs_of(control, CONTEXT))
        changed = {"name": "others", "seed": 1, "marks": "new", "readings": (("film", "new"),)}
        others = [inputs_of(control, replace(CONTEXT, **{k: v})) for k, v in changed.items()]
        assert any(digest(*other) != digest(*inputs) for other in others)


@pytest.mark.parametrize("name", ["edges", "ceiling", "readers", "mean_mask"])
def test_a_blank_film_and_a_mark_on_all_of_it_make_maps_of_one_value(name: str) -> None:
    """Of 0.7 everywhere, marked everywhere by two readers of two patients each."""
    whole = Boxes(((0, 0, 257, 331),))
    marks = tuple(Annotation("Nodule", reader, whole) for reader in ("reference", "other"))
    pixels = ArrayPixels(np.full((331, 257), 0.7, np.float32))
    films = tuple(
        replace(SAMPLES[0], image_id=patient, patient_id=patient, pixels=pixels, annotations=marks)
        for patient in "ab"
    )
    control = controls.parse("ceiling(rows=7, columns=10)" if name == "ceiling" else name)
    made = prepared(control, replace(CONTEXT, samples=films))(films[0], "Nodule", "reference")
    assert isinstance(made, StoredMap)
    assert made.validity is Validity.CONSTANT
    values = measure_map(
        measures({"hit_rate": HitRate(), "auroc": AUROC()})("Nodule", None),
        made,
        control_geometry(control),
        Reference(np.pad(np.ones((100, 100), bool), ((0, 231), (0, 157)))),
    )
    assert np.isnan(values["hit_rate"]["value"])
    assert values["auroc"]["value"] == 0.5


def test_controls_do_not_share_their_units() -> None:
    every = [digest(*inputs_of(controls.parse(name), CONTEXT)) for name in controls.names()]
    assert len(set(every)) == len(every)


def test_a_ceiling_is_known_by_its_grid() -> None:
    for name, title in (
        ("ceiling(7x5)", "best at 7 × 5"),
        (
            "ceiling(7x5, letterbox(height=32, width=16))",
            "best at 7 × 5, letterbox(height=32, width=16)",
        ),
    ):
        control = control_named(name)
        assert name_of(control) == name
        assert control.title == title


cases = st.lists(st.tuples(st.sampled_from("abc"), hnp.arrays(bool, (3, 5))), max_size=8)


@given(cases)
def test_the_prior_is_the_mean_over_the_other_patients(
    masks: list[tuple[str, np.ndarray]],
) -> None:
    prior = MaskSum.of(masks, (3, 5))
    for patient in "abcd":
        others = [mask for name, mask in masks if name != patient and mask.any()]
        found = prior.without(patient)
        if others:
            assert found == pytest.approx(np.mean(others, axis=0))
        else:
            assert found is None


def test_masks_may_come_from_a_generator_and_are_not_kept_open() -> None:
    masks = ((str(number), np.eye(4, dtype=bool)) for number in range(5))
    prior = MaskSum.of(masks, (4, 4))
    assert prior.cases == 5
    assert np.array_equal(prior.without("2"), np.eye(4))  # type: ignore[arg-type]


def test_the_centre_ranks_pixels_by_nearness_in_proportions_of_the_film() -> None:
    found = centre((6, 10))
    y, x = np.mgrid[0:6, 0:10]
    distance = np.hypot((y + 0.5) / 6 - 0.5, (x + 0.5) / 10 - 0.5)
    assert found == pytest.approx(np.exp(-(distance**2) / (2 * 0.25**2)))
    assert peak(centre((255, 255))) == (127, 127)


def test_edges_are_those_of_scipy() -> None:
    film = np.random.default_rng(0).random((9, 7), np.float32)
    slopes = [scipy.ndimage.sobel(film, axis, mode="nearest") for axis in (0, 1)]
    assert edges(film) == pytest.approx(np.hypot(*slopes), abs=1e-5)


def test_noise_is_the_same_for_the_same_film_and_finding_alone() -> None:
    one = noise((40, 50), "film", "Edema")
    assert np.array_equal(one, noise((40, 50), "film", "Edema"))
    for other in (noise((40, 50), "film", "Mass"), noise((40, 50), "film", "Edema", seed=1)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1
    assert one.min() >= 0
    assert one.max() < 1
    assert abs(one.mean() - 0.5) < 0.03


def test_the_others_are_the_share_who_marked() -> None:
    first, second = np.eye(3, dtype=bool), np.ones((3, 3), bool)
    found = share([first, second])
    assert found is not None
    assert np.array_equal(found, np.where(first, 1, 0.5))
    assert share([]) is None


@given(hnp.arrays(bool, (12, 20)))
def test_the_ceiling_is_the_share_of_each_cell(mask: np.ndarray) -> None:
    found = ceiling(mask, Squash(7, 7), (3, 4))
    slow = [
        [mask[4 * row : 4 * row + 4, 5 * column : 5 * column + 5].mean() for column in range(4)]
        for row in range(3)
    ]
    assert found == pytest.approx(np.array(slow), abs=1e-6)


def test_the_ceiling_lies_on_the_canvas_of_a_letterbox() -> None:
    mask = np.zeros((64, 32), bool)
    mask[:, 16:] = True
    found = ceiling(mask, Letterbox(32, 32), (4, 4))  # the film takes columns 8 to 24 of 32
    assert found == pytest.approx(np.array([[0, 0, 1, 0]] * 4), abs=0.05)


@pytest.mark.slow
def test_the_published_prior_of_rsna_is_reproduced(shared_data: Path) -> None:
    """Spec 8.4: mean AUPRC .4658, AUROC .886, hit rate .566 at row 173, column 101."""
    boxes, train, test = rsna(shared_data / "tables")
    masks = {image: drawn(boxes[image]) for image in (*train, *test) if image in boxes}
    prior = MaskSum.of(((i, masks[i]) for i in train if i in masks), (320, 320))
    mean = prior.without("nobody")
    assert prior.cases == 5411
    assert mean is not None
    assert peak(mean) == (173, 101)
    judged = [masks[image] for image in test if image in masks]
    assert len(judged) == 601
    for metric, published in ((AUPRC(), 0.46576), (AUPRC("trapezoid"), 0.46578), (AUROC(), 0.8856)):
        assert np.mean([metric(mean, mask) for mask in judged]) == pytest.approx(
            published, abs=6e-6
        )
    assert np.mean([HitRate()(mean, mask) for mask in judged]) == pytest.approx(0.56572, abs=6e-6)


def rsna(tables: Path) -> tuple[dict[str, list[tuple[float, ...]]], list[str], list[str]]:
    """Boxes by image, and the split of spec 1.3: train with validation, and test."""
    labels = read(tables / "stage_2_train_labels.csv.gz")
    classes = read(tables / "stage_2_detailed_class_info.csv.gz").unique("patientId")
    first = labels.unique("patientId", keep="first", maintain_order=True)
    kept = first.join(classes, on="patientId", maintain_order="left").filter(
        pl.col("class").is_in(["Lung Opacity", "Normal"])
    )
    train, test = train_test_split(
        kept["patientId"].to_list(),
        test_size=1486,
        random_state=1,
        stratify=kept["Target"].to_list(),
    )
    boxes = labels.filter(pl.col("Target") == 1).select("patientId", "x", "y", "width", "height")
    grouped = itertools.groupby(boxes.sort("patientId").rows(), key=lambda row: row[0])
    return {image: [row[1:] for row in rows] for image, rows in grouped}, train, test


def read(table: Path) -> pl.DataFrame:
    return pl.read_csv(gzip.decompress(table.read_bytes()))


def drawn(boxes: list[tuple[float, ...]]) -> np.ndarray:
    """Boxes of the 1024 frame, half-open, on 320 pixels."""
    mask = np.zeros((320, 320), bool)
    for x, y, width, height in boxes:
        left, top, right, bottom = (int(c * 320 / 1024) for c in (x, y, x + width, y + height))
        mask[top:bottom, left:right] = True
    return mask
