"""An experiment file is read, or answered with file, line, value and the likely mistake."""

import tomllib
from pathlib import Path

import pytest

from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment, load
from heatproof.experiment.settings import TrustSettings
from heatproof.trust.criteria import criteria
from heatproof.trust.rules.heatproof import Heatproof


def test_a_file_round_trips(squares):
    experiment = load(squares)
    assert experiment.name == "Squares"
    assert experiment.data[0].options["csv"] == "films.csv"
    assert experiment.output_folder == squares.parent / "out"
    assert experiment.text == squares.read_text()


def test_overrides_replace_keys(squares, tmp_path):
    assert load(squares, {"output": str(tmp_path)}).output_folder == tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "Squares"', "name = ", "is not TOML.*line 3"),
        (
            'memory = "2GB"',
            'memmory = "2GB"',
            r"toml:\d+: explain.memmory: unknown key; did you mean memory",
        ),
        (
            'memory = "2GB"',
            'memory = "2"',
            r"toml:\d+: explain.memory: .*such as 4GB.*\(found '2'\)",
        ),
        (
            'memory = "2GB"',
            'device = "gpu"',
            r"toml:\d+: explain.device: .*expected auto, cpu.*\(found 'gpu'\)",
        ),
        ("gallery = 1", 'gallery = "one"', r"report.gallery: .*found 'one'"),
        ('name = "films"\n', "", r"toml:\d+: data.0.name: .*required"),
        ('name = "bright"', 'name = "bright"\ndata = ["film"]', "no data is named 'film'; did you"),
        (
            'name = "bright"',
            'name = "bright"\ncard = "x"',
            "needs one of card, module, backbone, architectures, localizer or ensemble",
        ),
        ('findings = ["Square"]\n', "", "say its findings"),
        ("[explain]\nmethods", "[explain]\n#", "there are models but no methods"),
        ("[explain]", "[score]\nmetrics = []\n[explain]", r"toml:\d+: score.metrics: .*at least 1"),
        ("[explain]", "[classification]\nsensitivity = 90\n[explain]", r"sensitivity: .*found 90"),
        ("judges =", 'outputs = "probability"\njudges =', "'logits', 'probabilities' or 'softmax'"),
        ('"manifest"', "3", r"toml:\d+: data.0.dataset: expected the kind of a data set.*found 3"),
        ('"manifest"', '""', r"data.0.dataset: expected the kind of a data set"),
        ("judges =", "in_memory = true\njudges =", r"toml:\d+: models.0.in_memory: .*found True"),
        ("judges =", "memory = true\njudges =", r"models.0.memory: unknown key; (?!.*in_memory)"),
    ],
)
def test_mistakes_are_answered(squares, old, new, message):
    text = squares.read_text()
    assert old in text
    squares.write_text(text.replace(old, new))
    with pytest.raises(ExperimentError, match=message):
        load(squares)


def test_the_line_is_the_line_of_the_value(squares):
    text = squares.read_text().replace("gallery = 1", "gallery = -1")
    squares.write_text(text)
    line = text.split("\n").index("gallery = -1") + 1
    with pytest.raises(ExperimentError, match=f"squares.toml:{line}: report.gallery"):
        load(squares)


def test_a_missing_file_is_answered(tmp_path):
    with pytest.raises(ExperimentError, match=r"cannot read .*nothing\.toml"):
        load(tmp_path / "nothing.toml")


REPLICATED = """
name = "Replicates"

[[data]]
name = "films"
dataset = "phantom"

[[models]]
name = "linear"
architectures = ["resnet18", "densenet121"]
seeds = [0, 1]
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "films", validation = "films", settings = { lr = 1e-3 } }

[[models]]
name = "wildcat"
architectures = ["resnet18", "densenet121"]
seeds = [0, 1]
head = "wildcat"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "films", validation = "films", start = "linear" }

[explain]
methods = ["grad_cam"]
"""


def test_replicates_are_models_of_their_own(tmp_path):
    file = tmp_path / "e.toml"
    file.write_text(REPLICATED)
    models = load(file).models
    assert [(m.name, m.backbone, m.training.settings["seed"]) for m in models[:4]] == [
        ("linear, resnet18, seed 0", "resnet18", 0),
        ("linear, resnet18, seed 1", "resnet18", 1),
        ("linear, densenet121, seed 0", "densenet121", 0),
        ("linear, densenet121, seed 1", "densenet121", 1),
    ]
    assert models[0].training.settings["lr"] == 1e-3
    assert [m.training.start for m in models[4:]] == [m.name for m in models[:4]]
    assert len({m.name for m in models}) == 8
    assert {m.group for m in models} == {None}
    assert {(*m.seeds, *m.architectures) for m in models} == {()}


def test_an_experiment_made_in_python_has_the_same_replicates(tmp_path):
    file = tmp_path / "e.toml"
    file.write_text(REPLICATED)
    made = Experiment.model_validate(tomllib.loads(REPLICATED))
    assert made.models == load(file).models
    again = Experiment(
        **{name: getattr(made, name) for name in ("name", "data", "models", "explain")}
    )
    assert again.models == made.models  # an expanded entry is one model


def test_cross_fitted_replicates_share_a_group_with_their_own_seed_alone(tmp_path):
    file = tmp_path / "e.toml"
    first, second = (f'name = "linear{fold}"\ngroup = "cross-fitted"' for fold in "01")
    text = REPLICATED.replace('name = "linear"', first).replace('name = "wildcat"', second)
    file.write_text(text.replace(', start = "linear"', ""))
    groups = [model.group for model in load(file).models]
    assert groups[:2] == ["cross-fitted, resnet18, seed 0", "cross-fitted, resnet18, seed 1"]
    assert groups[:4] == groups[4:]
    assert len(set(groups)) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = [0, 1]", "seeds = [0, 0]", "two seeds of model 'linear' are named '0'"),
        ("settings = { lr = 1e-3 }", "settings = { seed = 1 }", "either seeds or a seed"),
        ('architectures = ["resnet18"', 'backbone = "vgg19"\narchitectures = ["x"', "one of card"),
    ],
)
def test_impossible_replicates_are_refused(tmp_path, old, new, message):
    file = tmp_path / "e.toml"
    file.write_text(REPLICATED.replace(old, new, 1))
    with pytest.raises(ExperimentError, match=message):
        load(file)


def test_a_file_that_says_nothing_of_trust_asks_for_randomization(squares):
    experiment = load(squares)
    assert experiment.asks_by_default
    assert experiment.trust == TrustSettings()
    (criterion,) = criteria.parts(experiment.trust.criteria).values()
    assert criterion == criteria.parse("randomization(order='whole', draws=1)")
    # The rule calls nothing on fewer patients than it names.
    assert experiment.trust.images > 4 * Heatproof().patients


def test_trust_is_refused_or_asked_for(squares):
    text = squares.read_text()
    squares.write_text(f"trust = false\n{text}")
    refused = load(squares)
    assert refused.trust is None
    assert not refused.asks_by_default
    squares.write_text(f"{text}\n[trust]\nimages = 7\n")
    asked = load(squares)
    assert asked.trust == TrustSettings(images=7)
    assert not asked.asks_by_default


MAPS = """
[[maps]]
name = "elsewhere"
importer = "chexlocalize"
folder = "."
method = "grad_cam"
data = "films"
id = { architecture = "densenet121" }
"""
LOCALIZER = """
[[models]]
name = "detector"
localizer = "retinanet(backbone=resnet18)"
training = { data = "films", validation = "films" }
"""
ENSEMBLE = """
[[models]]
name = "member"
backbone = "resnet18"
training = { data = "films", validation = "films" }
data = DATA

[[models]]
name = "ensemble"
ensemble = { of = ["member"] }
"""


@pytest.mark.parametrize(
    ("judges", "asked"),
    [
        (MAPS, False),
        (LOCALIZER, False),
        (ENSEMBLE.replace("DATA", "[]"), False),  # the member judges no film
        (ENSEMBLE.replace("DATA", '["films"]'), True),
    ],
)
def test_nothing_is_asked_by_default_where_no_weights_could_be_drawn(squares, judges, asked):
    data, _, rest = squares.read_text().partition("[[models]]")
    squares.write_text(data + judges + rest[rest.index("[explain]") :])
    experiment = load(squares)
    assert (experiment.trust is not None) is asked
    assert experiment.asks_by_default
    squares.write_text(squares.read_text() + "\n[trust]\n")
    assert load(squares).trust == TrustSettings()  # who asks for it is heard


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("trust = true\n", "", r"toml:1: trust: expected a table \[trust\], or false"),
        ("trust = 'no'\n", "", r"toml:1: trust: expected a table \[trust\], or false"),
        ("", "\n[trust]\ncriteria = []\n", r"trust.criteria: .*trust = false instead of \[trust\]"),
        ("", "trust = false\n", r"report.trust: unknown key; trust stands at the top of the file"),
        ("trust = false\n", "\n[trust]\n", r"is not TOML.*leave out trust = \.\.\. where there is"),
    ],
)
def test_mistakes_about_trust_are_answered(squares, start, end, message):
    squares.write_text(f"{start}{squares.read_text()}{end}")
    with pytest.raises(ExperimentError, match=message):
        load(squares)


def test_the_default_place_is_beside_the_file_wherever_the_command_is_given(
    squares, tmp_path, monkeypatch
):
    places = []
    for folder in ("ours", "theirs"):  # two files of one name
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "trial.toml"
        file.write_text(squares.read_text().removeprefix('output = "out"'))
        monkeypatch.chdir(tmp_path)
        places.append(load(file).output_folder)
        assert load(Path(folder) / "trial.toml").output_folder == places[-1]
        monkeypatch.chdir(tmp_path / folder)
        assert load(Path("trial.toml")).output_folder == places[-1]
    assert places == [tmp_path / folder / "runs" / "trial" for folder in ("ours", "theirs")]
