"""The CheXlocalize sample: numbers of spec.md section 10, and the masks that its authors ship."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from heatproof.data.annotations import RLE
from heatproof.data.geometry import Squash
from heatproof.localize import specialize
from heatproof.localize.metrics.hit_rate import HitRate, peak
from heatproof.localize.metrics.iou import IoU
from heatproof.maps.binarize import Otsu, Tuned
from heatproof.maps.importers.chexlocalize import ImportedMap, map_files, read_map

EC = "Enlarged Cardiomediastinum"
NAN = float("nan")
# patient, finding, probability, Otsu's threshold, pixels, reference pixels, IoU, row and column of
# the first maximum, how many tie, hit of the first
GOLDEN = [
    (64541, EC, 0.054188, 74, 789_457, 962_252, 0.4623471, 1743, 2116, 1, 1),
    (64541, "Cardiomegaly", 0.153788, 82, 741_012, 867_107, 0.3662062, 1736, 2116, 1, 1),
    (64541, "Airspace Opacity", 0.238921, 91, 1_893_873, 163_040, 0, 583, 1550, 1, 0),
    (64541, "Atelectasis", 0.239166, 75, 968_448, 0, NAN, 0, 2407, 112, NAN),
    (64541, "Edema", 0.177068, 67, 1_081_726, 0, NAN, 1047, 1276, 1, NAN),
    (64541, "Consolidation", 0.011051, 64, 334_807, 0, NAN, 344, 2399, 1, NAN),
    (64541, "Pleural Effusion", 0.040509, 68, 1_531_829, 0, NAN, 1975, 985, 1, NAN),
    (64541, "Pneumothorax", 0.029978, 78, 1_697_929, 0, NAN, 808, 1559, 1, NAN),
    (64541, "Support Devices", 0.051616, 74, 1_371_177, 0, NAN, 1968, 2398, 1, NAN),
    (64541, "Lung Lesion", 0.041026, 61, 1_190_078, 0, NAN, 1743, 2125, 1, NAN),
    (64542, "Support Devices", 0.889143, 70, 1_196_531, 47_345, 0.0332904, 906, 1108, 1, 0),
    (64542, "Atelectasis", 0.022469, 78, 173_389, 0, NAN, 0, 1923, 9604, NAN),
    # In single precision 9,114 tie: rounding lifts pixels on the rim of the plateau onto it.
    (64542, "Consolidation", 0.004625, 51, 420_367, 0, NAN, 0, 1923, 8918, NAN),
    (64542, "Edema", 0.001612, 61, 69_275, 0, NAN, 907, 1108, 42, NAN),
]  # fmt: skip
TUNED = {  # pixels and IoU at the shipped threshold
    (64541, EC): (1_157_048, 0.4496),
    (64541, "Cardiomegaly"): (1_004_483, 0.3577),
    (64541, "Airspace Opacity"): (1_741_931, 0),
    (64541, "Atelectasis"): (780_889, NAN),
    (64541, "Edema"): (634_391, NAN),
    (64541, "Consolidation"): (207_509, NAN),
    (64541, "Pleural Effusion"): (325_100, NAN),
    (64541, "Pneumothorax"): (662_540, NAN),
    (64541, "Support Devices"): (1_021_923, NAN),
    (64541, "Lung Lesion"): (71_488, NAN),
    (64542, "Support Devices"): (652_883, 0.0500),
    (64542, "Atelectasis"): (135_572, NAN),
    (64542, "Consolidation"): (159_421, NAN),
    (64542, "Edema"): (40_037, NAN),
}
SIZES = {64541: (2320, 2828), 64542: (2022, 2021)}


@pytest.fixture(scope="module")
def sample(shared_data: Path) -> Path:
    return shared_data / "chexlocalize_sample"


@cache
def segmentations(file: Path) -> dict[str, dict[str, RLE]]:
    content = json.loads(file.read_text())
    return {
        image: {task: RLE(tuple(rle["size"]), rle["counts"]) for task, rle in tasks.items()}
        for image, tasks in content.items()
    }


def native(found: ImportedMap) -> np.ndarray:
    return Squash(320, 320).back(found.values, found.size)


def case(sample: Path, patient: int, finding: str) -> tuple[ImportedMap, np.ndarray, np.ndarray]:
    image = f"patient{patient}_study1_view1_frontal"
    found = read_map(sample / "gradcam_maps_val" / f"{image}_{finding}_map.pkl")
    reference = segmentations(sample / "gt_segmentations_val.json")[image][finding]
    return found, native(found), reference.mask(*found.size)


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_golden_table(sample: Path, row: tuple[float, ...]) -> None:
    patient, finding, probability, threshold, pixels, marked, iou, *rest = row
    line, column, ties, hit = rest
    tuned_pixels, tuned_iou = TUNED[int(patient), str(finding)]
    found, saliency, mask = case(sample, int(patient), str(finding))
    assert found.probability == pytest.approx(probability, abs=5e-7)
    assert found.size == SIZES[int(patient)]
    predicted = Otsu()(saliency)
    assert predicted is not None
    # The numbers are those of PyTorch, whose rounding may put a pixel beyond a threshold.
    assert abs(int(predicted.sum()) - pixels) <= 1
    levels = 255 * ((saliency - saliency.min()) / (saliency.max() - saliency.min()))
    assert np.array_equal(predicted, levels >= threshold + 1)
    assert mask.sum() == marked
    assert IoU()(saliency, mask) == pytest.approx(iou, abs=5e-7, nan_ok=True)
    assert peak(saliency, "first") == (line, column)
    assert (saliency == saliency.max()).sum() == ties
    assert HitRate(ties="first")(saliency, mask) == pytest.approx(hit, nan_ok=True)
    tuned = specialize(IoU(binarize=Tuned(sample / "tuning_results.csv")), str(finding))
    chosen = tuned.binarize(saliency)
    assert chosen is not None
    assert chosen.sum() == tuned_pixels
    assert tuned(saliency, mask) == pytest.approx(tuned_iou, abs=5e-5, nan_ok=True)


def test_the_authors_masks_are_reproduced_but_for_four_pixels_of_a_hundred_million(
    sample: Path,
) -> None:
    shipped = segmentations(sample / "gradcam_segmentations_val_sample.json")
    differing: dict[bool, list[int]] = {False: [], True: []}
    for file in map_files(sample / "gradcam_maps_val"):
        found = read_map(file)
        saliency = native(found)
        theirs = shipped[found.image_id][found.finding].mask(*found.size)
        for contour_fill, pixels in differing.items():
            mask = Otsu(contour_fill)(saliency)
            assert mask is not None
            pixels.append(int((mask != theirs).sum()))
    for pixels in differing.values():
        assert len(pixels) == 20
        assert sum(pixels) <= 4
