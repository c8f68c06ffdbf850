"""Models that an experiment trains: whole or absent, once, and anew when what made them changes."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from heatproof.errors import (
    DamagedFile,
    DataError,
    ExperimentError,
    HeatproofError,
    ModelError,
)
from heatproof.experiment.file import load
from heatproof.models.card import load as load_model
from heatproof.models.card import read_card
from heatproof.preparation import training
from heatproof.preparation.folders import is_whole
from heatproof.run.pipeline import run
from tests.phantom_sets import sets

EXPERIMENT = (
    """
name = "Two heads"
output = "out"
trust = false

"""
    + sets()
    + """
[[models]]
name = "linear head"
backbone = "resnet10t(width=8)"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "train", validation = "validation", settings = { max_epochs = 1 } }

[[models]]
name = "WILDCAT head"
backbone = "resnet10t(width=8)"
head = "wildcat"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }

[models.training]
data = "train"
validation = "validation"
start = "linear head"
settings = { max_epochs = 1, backbone_lr = 0.0 }

[explain]
methods = ["grad_cam", "class_map"]

[classification]
validation = "validation"

[statistics]
resamples = 100
min_positives = 1
"""
)


WHOLE = ('"resnet10t(width=8)"', '"resnet10t"')  # of which files of weights are
WILDCAT = 'head = "wildcat"\nscaling = { geometry = "squash(height=48, width=48)", channels = 1'


@pytest.fixture
def two_heads(tmp_path):
    file = tmp_path / "heads.toml"
    file.write_text(EXPERIMENT)
    return file


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The experiment, its report, and the page of that; nothing is to be changed there."""
    file = tmp_path_factory.mktemp("finished") / "heads.toml"
    file.write_text(EXPERIMENT)
    report = run(load(file))
    return file, report, report.read_text()


@pytest.fixture
def trained(finished, tmp_path):
    """A copy of the experiment with its trained models."""
    file = tmp_path / "heads.toml"
    file.write_text(EXPERIMENT)
    shutil.copytree(finished[0].parent / "out/models", tmp_path / "out/models")
    return file


def test_models_are_trained_once_and_reported(finished):
    file, _, page = finished
    folders = sorted((file.parent / "out/models").iterdir())
    assert [folder.name.rpartition("-")[0] for folder in folders] == ["WILDCAT-head", "linear-head"]
    wildcat, linear = (load_model(folder) for folder in folders)
    assert wildcat[1].pretrained == "backbone of 'linear head'"
    assert wildcat[1].trained_on.data == "train"
    assert len(linear[1].tuned_on.patients) > 0
    started = zip(linear[0].backbone.parameters(), wildcat[0].backbone.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in started)  # frozen, so as it started
    assert "validation AUROC" in page or "Validation AUROC" in page
    assert "Youden&#39;s index on validation" in page
    cards = {folder: read_card(folder) for folder in folders}
    times = {folder: (folder / "card.json").stat().st_mtime_ns for folder in folders}
    assert run(load(file)).read_text() == page
    assert times == {folder: (folder / "card.json").stat().st_mtime_ns for folder in cards}


def test_a_model_half_written_is_trained_again_to_the_same_weights(trained):
    folder = next((trained.parent / "out/models").glob("linear*"))
    before = read_card(folder)
    assert not list(folder.rglob("*.ckpt"))  # so that it is trained again, not found
    (folder / "card.json").unlink()
    run(load(trained), until="train")
    assert read_card(folder) == before


def test_a_model_of_which_a_file_was_damaged_counts_as_missing(trained):
    folder = next((trained.parent / "out/models").glob("linear*"))
    check = training._check
    check(folder)
    files = [file for file in folder.rglob("*") if file.suffix in (".json", ".safetensors")]
    assert len(files) >= 3
    for file in files:
        good = file.read_bytes()
        for content in (b"", good[: len(good) // 2], good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]):
            file.write_bytes(content)
            with pytest.warns(DamagedFile, match="made again"):
                assert not is_whole(folder, check), file
        file.write_bytes(good)
        assert is_whole(folder, check)


def test_another_setting_is_another_model(trained):
    trained.write_text(EXPERIMENT.replace("backbone_lr = 0.0", "backbone_lr = 0.1"))
    run(load(trained), until="train")
    names = [f.name.rpartition("-")[0] for f in (trained.parent / "out/models").iterdir()]
    assert sorted(names) == ["WILDCAT-head", "WILDCAT-head", "linear-head"]


def test_the_history_says_which_epoch_was_kept(finished):
    folder = next((finished[0].parent / "out/models").glob("linear*"))
    history = json.loads((folder / "history.json").read_text())
    assert len(history["auroc"]) == 1
    assert history["best"] == 0
    assert history["stopped"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("backbone_lr = 0.0", "backbone_rl = 0.0", "did you mean backbone_lr"),
        ('start = "linear head"', 'start = "linear"', "did you mean linear head"),
        ("max_epochs = 1, ", "max_epochs = 0, ", "max_epochs=0"),
        (WILDCAT, WILDCAT.replace("channels = 1", "channels = 3"), "has 3 channels, and 'linear"),
    ],
)
def test_mistakes_are_answered_before_anything_is_trained(two_heads, old, new, message):
    assert old in EXPERIMENT
    two_heads.write_text(EXPERIMENT.replace(old, new))
    with pytest.raises(ExperimentError, match=message):
        run(load(two_heads))
    assert not (two_heads.parent / "out/models").exists()


LINEAR = EXPERIMENT[: EXPERIMENT.index('[[models]]\nname = "WILDCAT')]
TAIL = EXPERIMENT[EXPERIMENT.index("[explain]") :]


def one_head(folder, *changes):
    """The experiment with its first model alone."""
    text = LINEAR + TAIL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "one.toml"
    file.write_text(text)
    return file


def starting(weights):
    return (
        'validation = "validation", settings',
        f'validation = "validation", weights = {weights}, settings',
    )


FROZEN = ("max_epochs = 1", "max_epochs = 1, backbone_lr = 0.0")


def trained_here(file):
    run(load(file), until="train")
    return load_model(next((file.parent / "out/models").iterdir()))


@pytest.mark.parametrize(
    "weights", ['"net.safetensors"', '["imagenet", "no.pt", "net.safetensors"]']
)
def test_the_first_weights_that_can_be_had_are_the_start(tmp_path, monkeypatch, weights):
    """As timm writes them, with its classifier of 1,000 classes and for three channels."""
    network = timm.create_model("resnet10t", num_classes=1000)
    save_file(network.state_dict(), tmp_path / "net.safetensors", metadata={"format": "pt"})
    offline(monkeypatch)
    model, card = trained_here(one_head(tmp_path, starting(weights), FROZEN, WHOLE))
    assert card.pretrained == "file net.safetensors"
    assert torch.equal(model.backbone.layer4[0].conv1.weight, network.layer4[0].conv1.weight)
    summed = network.conv1[0].weight.sum(dim=1, keepdim=True)
    torch.testing.assert_close(model.backbone.stem.conv1[0].weight, summed)


def offline(monkeypatch):
    create = timm.create_model

    def without_network(name, *, pretrained, **options):
        if pretrained:
            raise OSError("network is unreachable")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", without_network)


def test_random_weights_are_the_last_resort_where_the_file_says_so(tmp_path, monkeypatch):
    offline(monkeypatch)
    _, card = trained_here(one_head(tmp_path, starting('["imagenet", "random"]')))
    assert card.pretrained == "random"


@pytest.mark.slow
def test_another_file_of_weights_is_another_model(tmp_path):
    file = one_head(tmp_path, starting('"net.pt"'), FROZEN, WHOLE)
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "net.pt")
        run(load(file), until="train")
    assert len(list((tmp_path / "out/models").iterdir())) == 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ([starting('"no.pt"')], ExperimentError, "'linear head'.*no.pt: no such weights file"),
        ([starting('"imagenet"')], ExperimentError, "'linear head'.*cannot be downloaded"),
        ([starting('"net18.pt"')], ExperimentError, "'linear head'.*net18.pt: lacks conv1"),
        ([starting("[]")], ExperimentError, "at least 1 item"),
    ],
)
def test_weights_that_cannot_be_had_stop_it_before_anything_is_trained(
    tmp_path, monkeypatch, changes, error, message
):
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "net18.pt")
    offline(monkeypatch)
    with pytest.raises(error, match=message):
        run(load(one_head(tmp_path, *changes, WHOLE)))
    assert not (tmp_path / "out/models").exists()


def test_a_start_from_two_places_is_refused(two_heads):
    started = 'start = "linear head"'
    two_heads.write_text(EXPERIMENT.replace(started, f'{started}\nweights = "net.pt"'))
    with pytest.raises(ExperimentError, match="starts from one of them"):
        load(two_heads)


OWN = """
import torch
from torch import nn


def build(width):
    grown = nn.Sequential(nn.Conv2d(1, width, 3, 4, 1), nn.BatchNorm2d(width), nn.ReLU())
    return nn.Sequential(grown, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 9))
"""


@pytest.mark.slow
def test_a_module_of_the_users_is_trained_with_a_head_of_ours(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    module = 'module = "own.py:build"\narguments = { width = 8 }\nfeatures = "0"'
    head = 'head = "wildcat(highest=2)"\nseeds = [0, 1]'
    file = one_head(tmp_path, ('backbone = "resnet10t(width=8)"', f"{module}\n{head}"))
    report = run(load(file))
    folders = sorted((tmp_path / "out/models").iterdir())
    assert len(folders) == 2
    card = read_card(folders[0])
    assert (card.id.architecture, card.id.head) == ("own.py:build, up to 0", "wildcat(highest=2)")
    assert card.pretrained == "of the user"
    page, times = report.read_text(), [(f / "card.json").stat().st_mtime_ns for f in folders]
    assert "own.py:build, up to 0" in page
    assert run(load(file)).read_text() == page  # trained once, and opened from its folder
    assert [(f / "card.json").stat().st_mtime_ns for f in folders] == times
    with pytest.raises(ModelError, match="opened by the experiment that trained it"):
        load_model(folders[0])
    (tmp_path / "own.py").write_text(OWN.replace("nn.ReLU()", "nn.GELU()"))
    run(load(file), until="train")
    assert len(list((tmp_path / "out/models").iterdir())) == 4


def test_a_start_passes_on_whom_it_has_seen(two_heads):
    more = EXPERIMENT[EXPERIMENT.index("[[data]]") :].partition('[[data]]\nname = "validation')[0]
    more = more.replace('"train"', '"more"').replace("images = 24", "images = 24\nseed = 9")
    text = EXPERIMENT.replace("[[models]]", f"{more}\n[[models]]", 1)
    text = text.replace('data = "train"\nvalidation', 'data = "more"\nvalidation')
    two_heads.write_text(text)
    run(load(two_heads), until="train")
    of = {f.name.partition("-")[0]: read_card(f) for f in two_heads.parent.glob("out/models/*")}
    assert of["WILDCAT"].trained_on.data == "train; more"
    assert set(of["WILDCAT"].trained_on.patients) > set(of["linear"].trained_on.patients)
    assert of["WILDCAT"].tuned_on == of["linear"].tuned_on
    two_heads.write_text(
        text.replace('validation = "validation"\nstart', 'validation = "train"\nstart')
    )
    with pytest.raises(DataError, match=r"patients of 'train' on whom 'linear head', from which"):
        run(load(two_heads))


def test_films_that_are_set_aside_teach_nothing(tmp_path):
    generator = np.random.default_rng(0)
    rows = ["image,patient_id,part,Opacity"]
    for number in range(14):
        name = f"{number}.png"
        film = generator.integers(0, 255, (48, 48), np.uint8)
        Image.fromarray(film).save(tmp_path / name)
        rows.append(f"{name},p{number},{'fit' if number < 8 else 'rest'},{number % 2}")
    (tmp_path / "0.png").unlink()
    for damaged in (1, 8):
        (tmp_path / f"{damaged}.png").write_bytes(b"no image")
    (tmp_path / "films.csv").write_text("\n".join(rows))
    data = (
        '[[data]]\nname = "{0}"\ndataset = "manifest"\ncsv = "films.csv"\nimage = "image"\n'
        'patient = "patient_id"\nlabels = ["Opacity"]\nmetadata = ["part"]\n'
        'where = {{ part = "{0}" }}\n'
    )
    file = tmp_path / "films.toml"
    model = EXPERIMENT[EXPERIMENT.index("[[models]]") :].partition('[[models]]\nname = "WILDCAT')[0]
    model = model.replace('"train"', '"fit"').replace('"validation"', '"rest"')
    file.write_text(
        'name = "Some are gone"\noutput = "out"\nmissing = "set aside"\n'
        + data.format("fit")
        + data.format("rest")
        + model
        + '[explain]\nmethods = ["grad_cam"]\n'
    )
    (card,) = run(load(file), until="train").glob("*/card.json")
    assert len(read_card(card.parent).trained_on.patients) == 6


def test_data_that_cannot_be_learned_is_named_with_its_model(two_heads):
    two_heads.write_text(EXPERIMENT.replace("images = 24", "images = 24\nprevalence = 0.0"))
    with pytest.raises(DataError, match=r"'linear head', trained on 'train'.*no training image is"):
        run(load(two_heads))
    assert not (two_heads.parent / "out/models").exists()


def test_a_mistake_in_the_last_model_is_found_before_the_first_is_trained(two_heads):
    last = "settings = { max_epochs = 1, backbone_lr = 0.0"
    for wrong, message in (
        ("select_by = ['Nodules']", r"'WILDCAT head'.*select_by: 'Nodules'.*did you mean Nodule"),
        ("balance = 'sample', uncertain = 'clas'", "uncertain"),
    ):
        assert last in EXPERIMENT
        two_heads.write_text(EXPERIMENT.replace(last, f"{last}, {wrong}"))
        with pytest.raises(HeatproofError, match=message):
            run(load(two_heads))
        assert not (two_heads.parent / "out/models").exists()
