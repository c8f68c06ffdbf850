"""What does not agree is said on the first screen."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from heatproof.experiment.file import load
from heatproof.run.pipeline import run

PROBABILITY = "return 100 * (self.features(images) - 0.5).relu().mean(dim=(2, 3)) - 1"


def first_screen(file):
    page = run(load(file)).read_text()
    text = re.search(r'<ul class="cautions">(.*?)</ul>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text[1]).split()) if text else ""


@pytest.fixture
def quick(squares):
    text = squares.read_text().replace('"grad_cam", "occlusion(window=8, stride=8)"', '"grad_cam"')
    squares.write_text(text.replace("gallery = 1", "gallery = 0"))
    return squares


def rewrite(file, old, new):
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_what_agrees_is_not_doubted(quick):
    said = first_screen(quick)
    assert "between 0 and 1" not in said
    assert "almost black" not in said
    assert "labelled" not in said


def test_a_network_that_ends_in_a_sigmoid_is_suspected(quick):
    network = quick.parent / "network.py"
    rewrite(
        network, PROBABILITY, PROBABILITY.replace("return ", "return torch.sigmoid(3 * (") + "))"
    )
    assert "Every output of bright on films lies between 0 and 1" in first_screen(quick)
    rewrite(quick, "judges = {", 'outputs = "probabilities"\njudges = {')
    assert "between 0 and 1" not in first_screen(quick)


def test_twelve_bits_in_sixteen_are_suspected(quick):
    for index in range(12):
        file = quick.parent / f"film{index}.png"
        grey = np.asarray(Image.open(file)).astype(np.uint16)
        Image.fromarray(grey * 16).save(file)
    assert "Films of films are almost black" in first_screen(quick)


def test_a_film_labelled_as_without_what_is_marked_on_it_is_told(quick):
    table = quick.parent / "films.csv"
    table.write_text(table.read_text().replace("f3,film3.png,p1,1,1", "f3,film3.png,p1,1,0"))
    assert "1 film of films, such as f3, is labelled as without Square" in first_screen(quick)


def test_an_operating_point_chosen_on_the_judged_is_told(quick):
    with quick.open("a") as file:
        file.write('\n[classification]\nvalidation = "films"\n')
    assert "5 patients of films are also in films, on which the operating" in first_screen(quick)


def test_what_is_marked_and_told_by_no_model_is_told(quick):
    film = {"id": 3, "file_name": "film3.png", "height": 96, "width": 160}
    mark = {"id": 1, "image_id": 3, "category_id": 1, "bbox": [1, 1, 9, 9]}
    content = {"images": [film], "annotations": [mark], "categories": [{"id": 1, "name": "Mass"}]}
    (quick.parent / "coco.json").write_text(json.dumps(content))
    rewrite(quick, 'boxes = "boxes"', 'boxes = "boxes"\ncoco = "coco.json"')
    assert "Mass is marked on films, but no model looks for it" in first_screen(quick)


@pytest.fixture
def masked(quick):
    """The squares as masks, one file for each film: black where there is none."""
    rows = (quick.parent / "films.csv").read_text().splitlines()
    for index, row in enumerate(rows[1:]):
        mask = np.zeros((96, 160), np.uint8)
        for x, y, width, height in json.loads(row.split('"')[1]):
            mask[y : y + height, x : x + width] = 1
        Image.fromarray(mask).save(quick.parent / f"mask{index}.png")
    names = ["mask", *(f"mask{index}.png" for index in range(12))]
    rows = [f"{row},{name}" for row, name in zip(rows, names, strict=True)]
    (quick.parent / "films.csv").write_text("\n".join(rows) + "\n")
    rewrite(quick, 'boxes = "boxes"', 'mask = "mask"')
    return quick


def test_black_masks_of_films_without_the_finding_are_no_marks(masked):
    said = first_screen(masked)
    assert "labelled as without" not in said
    assert "of the film" not in said


def test_masks_without_a_pixel_and_with_all_are_told(masked):
    Image.new("L", (160, 96)).save(masked.parent / "mask3.png")
    Image.new("L", (160, 96), 255).save(masked.parent / "mask5.png")
    said = first_screen(masked)
    assert "1 mark of Square on films, such as that of f3, holds no pixel of the film" in said
    assert "1 mark of Square on films, such as that of f5, holds all pixels of the film" in said


def test_a_hot_pixel_does_not_hide_that_films_are_dark(quick):
    for index in range(12):
        file = quick.parent / f"film{index}.png"
        grey = np.asarray(Image.open(file)).astype(np.uint16) * 16
        grey[0, 0] = 65535
        Image.fromarray(grey).save(file)
    said = first_screen(quick)
    assert "Films of films are almost black" in said
    assert "say maximum = 4095" in said
    rewrite(quick, 'image = "file"', 'image = "file"\npercentiles = [0, 99.9]')
    assert "almost black" not in first_screen(quick)


def test_a_pool_whose_tables_tell_the_finding_is_told(quick):
    text = quick.read_text()
    table = text[text.index("csv = ") : text.index("[[models]]")]
    table = table.replace('labels = ["Square"]\n', "")
    pool = [
        f"[data.tables.{name}]\n{table}"
        f'where = {{ Square = "{label}" }}\nlabels.Square = {present}\n'
        for name, label, present in (("here", 1, "true"), ("there", 0, "false"))
    ]
    start = text.index('dataset = "manifest"')
    head = text[:start] + 'dataset = "pooled"\n\n'
    quick.write_text(head + "\n".join(pool) + "\n" + text[text.index("[[models]]") :])
    said = first_screen(quick)
    assert "All films of films with Square are from here, and all without it from there" in said
