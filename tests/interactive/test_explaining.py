"""One film in three lines: what ``explain`` gives, of every form a film may have."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import heatproof
from heatproof.errors import MapError, ModelError, PixelError
from heatproof.saliency import explain as explain_images
from heatproof.types import Sample
from tests.data.test_pixels import write_dicom


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 8, 3, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
    )
    return heatproof.wrap(network, ["A", "B", "C"], size=48, mean=0.5, std=0.25)


@pytest.fixture
def film():
    return np.random.default_rng(1).integers(0, 65536, (60, 90), np.uint16)


def test_maps_are_those_of_the_model_on_the_preprocessed_film(model, film):
    told = heatproof.explain(model, film, ["gradient", "grad_cam"], "B")
    image = model.preprocessing.tensor(film.astype(np.float32) / 65535)[None]
    parts = {"gradient": heatproof.methods.parse("gradient")}
    expected = explain_images(parts, model, image, [1])
    np.testing.assert_array_equal(told["gradient"].native, expected.maps["gradient"].values[0, 0])
    assert told["gradient"].probability == pytest.approx(float(expected.probabilities[0, 1]))
    assert told["gradient"].validity is expected.validity["gradient"][0][0]
    assert told["grad_cam"].array.shape == film.shape
    assert told["grad_cam"].native.shape == (11, 11)


def test_a_film_is_the_same_in_whatever_form_it_comes(model, film, tmp_path):
    eight = (film // 257).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "film.png")
    forms = [
        eight,
        torch.from_numpy(eight),
        eight.astype(np.float32) / np.float32(255),
        Image.fromarray(eight),
        tmp_path / "film.png",
        str(tmp_path / "film.png"),
        Sample("f", _pixels(eight)),
        _pixels(eight),
    ]
    maps = [heatproof.explain(model, form, "gradient", "A")["gradient"] for form in forms]
    for one in maps:
        np.testing.assert_array_equal(one.native, maps[0].native)
        assert one.array.shape == film.shape


def test_a_dicom_dataset_is_the_film_of_its_file(model, film, tmp_path):
    import pydicom

    path = tmp_path / "film.dcm"
    write_dicom(path, film)
    by_path = heatproof.explain(model, path, "gradient", "A")
    by_dataset = heatproof.explain(model, pydicom.dcmread(path), "gradient", "A")
    np.testing.assert_array_equal(by_path["gradient"].native, by_dataset["gradient"].native)


def test_a_preprocessed_tensor_is_explained_as_it_is(model, film):
    image = model.preprocessing.tensor(film.astype(np.float32) / 65535)
    by_film = heatproof.explain(model, film, "gradient", "A")["gradient"]
    for tensor in (image, image[None]):
        told = heatproof.explain(model, tensor, "gradient", "A")["gradient"]
        np.testing.assert_array_equal(told.native, by_film.native)
        assert told.array.shape == (48, 48)  # the film itself is not known


def test_the_most_probable_finding_is_explained_unless_others_are_named(model, film):
    told = heatproof.explain(model, film, ["gradient"])
    assert told.findings == (max(told.probabilities, key=told.probabilities.get),)
    several = heatproof.explain(model, film, ["gradient"], ["C", "A"])
    assert several.findings == ("C", "A")
    assert several["gradient", "A"].finding == "A"
    with pytest.raises(MapError, match=r"say which: \['gradient', 'C'\]"):
        several["gradient"]
    with pytest.raises(MapError, match="no map by 'grad'"):
        told["grad"]


@pytest.mark.parametrize(
    ("film", "finding", "error", "words"),
    [
        (np.zeros((3, 8, 8)), "A", PixelError, "height x width"),
        (np.zeros((8, 8), int), "A", PixelError, "which value is white"),
        (np.full((8, 8), 300.0), "A", PixelError, "expected 0 to 1"),
        (torch.zeros(1, 32, 32), "A", PixelError, r"expected \(1, 48, 48\)"),
        (torch.zeros(2, 1, 48, 48), "A", PixelError, "heatproof.attribute"),
        (17, "A", PixelError, "int is no film"),
        (np.zeros((8, 8)), "D", ModelError, "no finding 'D'"),
    ],
)
def test_what_is_no_film_or_no_finding_is_refused_in_words(model, film, finding, error, words):
    with pytest.raises(error, match=words):
        heatproof.explain(model, film, "gradient", finding)


def test_the_film_under_its_map_is_saved(model, film, tmp_path):
    one = heatproof.explain(model, film, "gradient", "A")["gradient"]
    with Image.open(one.save(tmp_path / "overlay.png", marks=[(10, 10, 30, 40)])) as picture:
        assert picture.size == (90, 60)
    np.testing.assert_array_equal(np.load(one.save(tmp_path / "map.npy")), one.array)
    with pytest.raises(MapError, match=r"end in \.png"):
        one.save(tmp_path / "map.xyz")


def test_nifti_holds_the_map_and_its_spacing(model, film, tmp_path):
    import nibabel

    write_dicom(tmp_path / "film.dcm", film, PixelSpacing=[0.2, 0.1])
    one = heatproof.explain(model, tmp_path / "film.dcm", "gradient", "A")["gradient"]
    one.save(tmp_path / "map.nii.gz")
    read = nibabel.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(read.get_fdata()[:, :, 0].T.astype(np.float32), one.array)
    np.testing.assert_allclose(read.header.get_zooms()[:2], (0.1, 0.2), rtol=1e-6)


def test_a_notebook_shows_the_film_and_a_slider(model, film):
    told = heatproof.explain(model, film, ["gradient", "grad_cam"], "A")
    page = told._repr_html_()
    assert page.count("<figure") == 3
    assert 'type="range"' in page
    assert "<script" not in page
    assert "gradient of A, 48 x 48" in page


def test_what_is_no_map_says_so_where_it_is_shown(model):
    black = heatproof.explain(model, np.zeros((60, 90), np.float32), "input_x_gradient", "A")
    zero = heatproof.wrap(_Zero(), ["A"], size=8, channels=1, mean=0, std=1)
    told = heatproof.explain(zero, np.zeros((8, 8)), "gradient")["gradient"]
    assert not told.is_ok()
    assert "zero: not to be read as a map" in told._repr_html_()
    assert black["input_x_gradient"].native.shape == (48, 48)


class _Zero(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return (images * self.weight).sum((1, 2, 3))[:, None]


def _pixels(eight):
    from heatproof.data.pixels import ArrayPixels

    return ArrayPixels(eight.astype(np.float32) / np.float32(255))
