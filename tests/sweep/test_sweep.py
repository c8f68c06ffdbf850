"""Sweeps: equal trials for all, the best on validation, and the same end after any interruption."""

import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heatproof import cli, train
from heatproof.errors import (
    DamagedFile,
    ExperimentError,
    HeatproofError,
    ModelError,
    TrainingError,
)
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models.heads import heads
from heatproof.run.pipeline import run
from heatproof.sweep import attempt, search
from heatproof.sweep.space import Family, families
from heatproof.sweep.sweep import Swept, sweep
from heatproof.sweep.trials import TrialLocalization, TrialTable
from heatproof.train.learner import write_curve
from heatproof.train.settings import Epoch, History, Settings, TrainingProgress
from tests.conftest import ROOT
from tests.phantom_sets import sets

EXPERIMENT = (
    """
# A remark that is kept.
name = "Tiny <sweep>"
output = "out"
trust = false

"""
    + sets()
    + """
[[models]]
name = "linear head"
backbone = "resnet10t(width=8)"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "train", validation = "validation", settings = { max_epochs = 3 } }

[[models]]
name = "WILDCAT head"
backbone = "resnet10t(width=8)"
head = "wildcat(lowest=1)"
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "train", validation = "validation", settings = { max_epochs = 3 } }

[explain]
methods = ["class_map"]

[statistics]
resamples = 100
min_positives = 1

[sweep]
trials = 4
[sweep.search]
lr = { low = 1e-5, high = 1e-1, log = true }
seed = { choices = [0, 1, 2] }
"wildcat.highest" = { choices = [1, 2, 0.2] }
"wildcat.alpha" = { low = 0, high = 1 }
"wildcat.maps" = { low = 1, high = 4 }
"""
)
ROUNDS = 3


def auroc(settings: Settings, epoch: int) -> float:
    """What a made-up training reaches: best at lr = 0.001, and rising."""
    distance = abs(math.log10(settings.lr) + 3) + 0.1 * settings.seed
    return 0.5 + 0.1 * (epoch + 1) * math.exp(-distance)


def never(call: int, epoch: int) -> None:
    """When a training fails."""


class MadeUp:
    """Stands for ``train.fit``: the curve is a formula, and any call can be made to fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[Path, Settings]] = []
        self.fails: Callable[[int, int], Exception | None] = never

    def __call__(self, model, data, validation, settings, progress=None, folder=None, **_):
        call = len(self.calls)
        self.calls.append((folder, settings))
        folder.mkdir(parents=True, exist_ok=True)
        epochs: tuple[Epoch, ...] = ()
        for epoch in range(ROUNDS):
            progress(TrainingProgress(epoch + 1, 1, 1, math.nan))
            if error := self.fails(call, epoch):
                raise error
            epochs += (Epoch(0.1, 0.2, auroc(settings, epoch), epoch + 1.0),)
            history = History(epochs, "auroc", "")
            write_curve(history, folder / train.CURVE)
        ones = (1.0,) * len(model.findings)
        return train.Fitted(history, (train.KeptCheckpoint(history.best, ones, ones),))


@contextmanager
def making_up() -> Iterator[MadeUp]:
    with pytest.MonkeyPatch.context() as patch:
        fit = MadeUp()
        patch.setattr(train, "fit", fit)
        patch.setattr(search, "BLIND", 2)  # so that few trials show what is learned from others
        patch.setattr(attempt, "UNPRUNED", 1)
        yield fit


@pytest.fixture
def made_up() -> Iterator[MadeUp]:
    with making_up() as fit:
        yield fit


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """The experiment file with some of its text replaced."""
    text = EXPERIMENT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "tiny.toml"
    file.write_text(text)
    return file


def table(file: Path) -> pl.DataFrame:
    return pl.read_parquet(file.parent / "out/sweep.parquet")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> tuple[Path, Swept]:
    """A search that nothing interrupts, for tests that change nothing there."""
    file = written(tmp_path_factory.mktemp("unbroken"))
    with making_up():
        return file, sweep(load(file))


def test_every_family_has_as_many_trials_and_the_best_on_validation_is_chosen(unbroken):
    file, swept = unbroken
    rows = table(file)
    assert rows["family"].value_counts().sort("family")["count"].to_list() == [4, 4]
    for one in swept.tried:
        of = rows.filter(pl.col("family") == one.family.name)
        complete = of.filter(pl.col("state") == "complete")
        assert len(complete) > 1
        best = complete[complete["validation_auroc"].arg_max()]
        assert of.filter("selected")["trial"].to_list() == best["trial"].to_list()
        # What the table says is what the training reached with these values.
        lr, seed = best["lr"][0], best["seed"][0]
        reached = auroc(Settings(lr=lr, seed=seed), ROUNDS - 1)
        assert best["validation_auroc"][0] == pytest.approx(reached)
        chosen = next(m for m in load(swept.best).models if m.name == one.family.name)
        assert chosen.training.settings == {"max_epochs": 3, "lr": lr, "seed": seed}
        assert (swept.best.parent / best["model"][0] / "card.json").is_file()
    head = heads.parse(load(swept.best).models[1].head)
    assert head.alpha == best["wildcat.alpha"][0]
    assert head.maps == best["wildcat.maps"][0]
    assert str(head.highest) == best["wildcat.highest"][0]
    assert head.lowest == 1  # what is not searched stays


def test_the_table_has_the_columns_that_it_documents_and_one_for_each_parameter(unbroken):
    rows = table(unbroken[0])
    documented = list(TrialTable.columns)
    searched = {"lr", "seed", "wildcat.alpha", "wildcat.maps", "wildcat.highest"}
    assert set(rows.columns) - set(documented) == searched
    assert [name for name in rows.columns if name in documented] == documented
    assert rows.select(documented).schema == TrialTable.schema()


def test_parameters_that_families_share_are_drawn_alike_while_nothing_is_known(unbroken):
    rows = table(unbroken[0]).filter(pl.col("trial") < 2)
    linear, wildcat = (rows.filter(pl.col("family") == n) for n in ("linear head", "WILDCAT head"))
    assert linear.select("lr", "seed").equals(wildcat.select("lr", "seed"))
    assert linear["lr"].n_unique() == 2
    assert linear["wildcat.alpha"].is_null().all()


def test_integers_make_integers_only_where_the_parameter_can_be_one(unbroken):
    rows = table(unbroken[0])
    assert rows.schema["wildcat.maps"] == pl.Int64
    assert rows.schema["wildcat.alpha"] == pl.Float64
    assert set(rows["wildcat.alpha"].drop_nulls()) - {0.0, 1.0}
    assert set(rows["wildcat.highest"].drop_nulls()) <= {"1", "2", "0.2"}


@pytest.mark.parametrize(("call", "epoch"), [(1, 0), (4, 2)])
def test_an_interrupted_search_ends_as_an_unbroken_one(unbroken, made_up, tmp_path, call, epoch):
    file, calls = written(tmp_path), made_up.calls
    made_up.fails = lambda this, now: RuntimeError() if (this, now) == (call, epoch) else None
    with pytest.raises(RuntimeError):
        sweep(load(file))
    sweep(load(file))
    assert calls[call] == calls[call + 1]  # the one that was broken, in its folder
    assert len(calls) == 8 + 1  # and no other
    assert table(file).drop("seconds").equals(table(unbroken[0]).drop("seconds"))
    pages = [(one.parent / "out/sweep.html").read_bytes() for one in (file, unbroken[0])]
    assert pages[0] == pages[1]
    sweep(load(file))
    assert len(calls) == 8 + 1


def test_more_trials_go_on_with_the_same_search(unbroken, made_up, tmp_path):
    sweep(load(written(tmp_path, ("trials = 4", "trials = 2"))))
    made_up.calls.clear()
    file = written(tmp_path)
    sweep(load(file))
    assert len(made_up.calls) == 4
    assert table(file).drop("seconds").equals(table(unbroken[0]).drop("seconds"))


def flipped(folder: Path) -> None:
    """One bit of the weights is another."""
    weights = next(folder.glob("weights-*"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


@pytest.mark.parametrize("lose", [shutil.rmtree, flipped])
def test_a_model_that_is_gone_or_damaged_is_trained_again(made_up, tmp_path, lose):
    file = written(tmp_path)
    sweep(load(file))
    before = table(file)
    gone = file.parent / "out" / before.filter(state="complete")["model"][1]
    lose(gone)
    made_up.calls.clear()
    with pytest.warns(DamagedFile) as told:
        sweep(load(file))
    assert any("or damaged; they are trained again" in str(one.message) for one in told)
    assert [folder.parent.name for folder, _ in made_up.calls] == [gone.name]
    assert table(file).equals(before)


def test_trials_at_the_same_time_know_those_before_alone(unbroken, made_up, tmp_path):
    """Drawn at once or one by one, the first ten are random; so is whom a median prunes."""
    changes = ("trials = 4", "trials = 6\nat_once = 3")
    file = written(tmp_path, changes)
    sweep(load(file))
    rows = table(file).drop("seconds")
    for name in ("linear head", "WILDCAT head"):
        of = rows.filter(pl.col("family") == name).sort("trial")
        assert set(of["state"][:3]) == {"complete"}  # nothing is known while they are trained
        complete = [
            Settings(lr=row["lr"], seed=row["seed"]) for row in of[:3].iter_rows(named=True)
        ]
        for row in of[3:].iter_rows(named=True):
            settings = Settings(lr=row["lr"], seed=row["seed"])
            worse = any(
                max(auroc(settings, e) for e in range(epoch + 1))
                < np.median([auroc(one, epoch) for one in complete])
                for epoch in range(ROUNDS - 1)
            )
            assert row["state"] == ("pruned" if worse else "complete")
    # Interrupted in the middle of three, it ends as it would have.
    (tmp_path / "again").mkdir()
    made_up.calls.clear()
    made_up.fails = lambda call, epoch: RuntimeError() if call == 4 else None
    again = written(tmp_path / "again", changes)
    with pytest.raises(RuntimeError):
        sweep(load(again))
    sweep(load(again))
    assert table(again).drop("seconds").equals(rows)


GRID = ("trials = 4", "grid = true\nprune = false")
CHOICES = EXPERIMENT[EXPERIMENT.index("lr = { low") :]


def test_a_grid_is_every_combination_once(made_up, tmp_path):
    file = written(
        tmp_path, GRID, (CHOICES, "lr = { choices = [1e-3, 1e-2] }\nseed = { choices = [0, 1, 2] }")
    )
    swept = sweep(load(file))
    rows = table(file)
    for name in ("linear head", "WILDCAT head"):
        of = rows.filter(pl.col("family") == name).sort("trial")
        expected = [(lr, seed) for lr in (1e-3, 1e-2) for seed in (0, 1, 2)]
        assert of.select("lr", "seed").rows() == expected
        assert of.filter("selected")["lr"].to_list() == [1e-3]
    assert "6 trials" in swept.page.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([GRID], "needs choices, and lr has a range"),
        ([("trials = 4", "trials = 4\ngrid = true")], "leave trials out"),
        ([GRID, (CHOICES, '"wildcat.highest" = { choices = [1, 2] }')], "unequally many trials"),
        ([("trials = 4", "at_once = 0")], "greater than or equal to 1"),
    ],
)
def test_grids_that_are_none_are_refused(tmp_path, changes, message):
    with pytest.raises(ExperimentError, match=message):
        sweep(load(written(tmp_path, *changes)))


def test_another_search_is_another_study(made_up, tmp_path):
    one = ("trials = 4", "trials = 1")
    file = written(tmp_path, one)
    sweep(load(file))
    before = table(file)
    written(tmp_path, one, ("high = 1e-1", "high = 1e-4"))
    sweep(load(file))
    assert (table(file)["lr"] <= 1e-4).all()
    written(tmp_path, one)
    made_up.calls.clear()
    sweep(load(file))
    assert made_up.calls == []
    assert table(file).equals(before)


def test_trials_below_the_median_are_pruned_and_said_to_be(unbroken):
    file = unbroken[0]
    rows = table(file)
    assert set(rows["state"]) == {"complete", "pruned"}
    for name in ("linear head", "WILDCAT head"):
        complete: list[Settings] = []
        for row in rows.filter(pl.col("family") == name).sort("trial").iter_rows(named=True):
            settings = Settings(lr=row["lr"], seed=row["seed"])
            mine = [auroc(settings, epoch) for epoch in range(ROUNDS)]
            # The rule, from its definition; after the last round there is nothing to save.
            worse = [
                epoch
                for epoch in range(ROUNDS - 1)
                if complete
                and max(mine[: epoch + 1]) < np.median([auroc(c, epoch) for c in complete])
            ]
            assert row["state"] == ("pruned" if worse else "complete")
            epochs = worse[0] + 1 if worse else ROUNDS
            assert row["epochs"] == epochs
            assert row["seconds"] == epochs
            assert row["validation_auroc"] == pytest.approx(mine[epochs - 1])
            assert (row["model"] is None) == bool(worse)
            complete += [] if worse else [settings]
    folders = {path.parent for path in (file.parent / "out/models").glob("*/card.json")}
    assert set((file.parent / "out/models").iterdir()) == folders  # nothing of pruned ones stays


def test_a_trial_that_diverges_counts_and_is_not_chosen(made_up, tmp_path):
    made_up.fails = lambda call, epoch: TrainingError("the loss is nan") if call == 1 else None
    file = written(tmp_path, ("trials = 4", "trials = 3\nprune = false"))
    sweep(load(file))
    rows = table(file)
    assert rows["state"].value_counts().sort("state").rows() == [("complete", 5), ("failed", 1)]
    failed = rows.filter(pl.col("state") == "failed")
    assert failed["trial"].to_list() == [1]
    assert failed["validation_auroc"].is_nan().all()
    assert failed["reason"].to_list() == ["the loss is nan"]
    assert not failed["selected"].any()


def test_equal_parameters_at_the_same_time_are_tried_once():
    """Two trainings in one folder would write over each other."""
    numbers = {"a": [0, 2], "b": [1], "c": [3]}
    family = Family.__new__(Family)  # nobody looks at it
    attempts = [
        search.Attempt(family, {"lr": name}, number, None)
        for number, name in sorted((one, name) for name, ones in numbers.items() for one in ones)
    ]
    tried = []

    def run(some):
        for one in some:
            tried.append(one.number)
            yield search.TrialOutcome("complete", float(one.number), (), 0.0)

    aurocs = [outcome.auroc for outcome in search._outcomes(run, attempts)]
    assert aurocs == [0, 1, 0, 3]
    assert tried == [0, 1, 3]


def test_when_all_diverge_the_reason_is_told(made_up, tmp_path):
    made_up.fails = lambda call, epoch: TrainingError("the loss is nan")
    with pytest.raises(ModelError, match="no trial of 'linear head' was completed: the loss is"):
        sweep(load(written(tmp_path, ("trials = 4", "trials = 1"))))


def test_a_full_disk_is_no_fault_of_the_trial(made_up, tmp_path):
    made_up.fails = lambda call, epoch: ModelError("cannot write")
    file = written(tmp_path, ("trials = 4", "trials = 1"))
    with pytest.raises(ModelError, match="cannot write"):
        sweep(load(file))
    made_up.fails = never
    sweep(load(file))
    assert table(file)["state"].to_list() == ["complete", "complete"]


@pytest.mark.slow
def test_the_best_run_as_they_are_and_localization_is_told_but_selects_nothing(tmp_path):
    short = [("max_epochs = 3", "max_epochs = 1"), ("trials = 4", "trials = 2")]
    file = written(tmp_path, *short)
    swept = sweep(load(file))
    best = swept.best.read_text()
    assert "# A remark that is kept." in best
    assert "was not measured" in swept.page.read_text()
    written(tmp_path, *short, ("[sweep]", "[sweep]\nlocalize = true"))
    swept = sweep(load(file))
    assert swept.best.read_text() == best

    page = swept.page.read_text()
    assert "This selected nothing" in page
    assert "Tiny &lt;sweep&gt;" in page
    assert not re.search(r"src=|https?://|@import|\bnan\b", page)
    measured = pl.read_parquet(file.parent / "out/sweep_localization.parquet")
    assert measured.schema == TrialLocalization.schema()
    made = measured.filter(pl.col("method") == "class_map").select("family", "trial").unique()
    assert len(made) == 4
    shown = measured.filter((pl.col("metric") == "auprc") & (pl.col("method") == "class_map"))
    panel = page[page.index("auprc of class_map") :]
    for value in shown["value"].drop_nulls():
        assert f"{value:.3f}, trial" in panel

    before = {card: card.stat().st_mtime_ns for card in file.parent.glob("out/models/*/card.json")}
    report = run(load(swept.best))
    assert report.parent.resolve() == (file.parent / "out").resolve()
    after = {card: card.stat().st_mtime_ns for card in file.parent.glob("out/models/*/card.json")}
    assert after == before  # trained once
    for one in swept.tried:
        assert f"{one.best.auroc:.2f}" in report.read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lr = {", "lrs = {", "did you mean lr"),
        ('"wildcat.alpha"', "alpha", "did you mean wildcat.alpha"),
        ('"wildcat.alpha"', '"wildcat.alfa"', "did you mean alpha"),
        ('"wildcat.alpha"', '"wildcart.alpha"', "did you mean wildcat"),
        ('"wildcat.maps" = { low = 1, high = 4 }', '"softmax.classes" = { choices = [2, 3] }',
         "applies to no model: their heads are linear, wildcat"),
        ("low = 1, high = 4", "low = 4, high = 4", "tiny.toml:.*expected low < high"),
        ("low = 1, high = 4", "low = 1", "tiny.toml:.*expected low < high"),
        ("low = 1, high = 4", "lo = 1, high = 4", "did you mean low"),
        ("low = 1, high = 4", "low = 1, choices = [4]", "either low and high, or choices"),
        ("low = 1, high = 4", "low = 0, high = 4", "wildcat.maps = 0.*at least 1"),
        ("low = 1, high = 4", "low = 1.5, high = 4", "wildcat.maps = 1.5"),
        ("low = 1e-5", "low = 0.0", "log = true needs low > 0"),
        ("choices = [0, 1, 2]", "choices = ['x']", "seed = 'x'"),
        ("choices = [0, 1, 2]", "choices = [1, 1]", "two choices are named '1'"),
        ("trials = 4", "trials = 0", "greater than or equal to 1"),
        ("[sweep]\n", "[sweep]\nprunes = true\n", "did you mean prune"),
        ('validation = "validation", ', "", "validation: Field required"),
        ("images = 16", "images = 0", "data .validation.: images = 0 .*at least 1"),
        ('head = "wildcat(lowest=1)"', 'head = "wildcat(lowest=1)"\nseeds = [1, 2]', "say one"),
        ('"validation", settings = { max_epochs = 3 } }\n\n[explain]',
         '"validation", start = "linear head" }\n\n[explain]', "leave start out"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_before_anything_is_tried(tmp_path, old, new, message):
    file = written(tmp_path, (old, new))
    with pytest.raises(HeatproofError, match=message):
        sweep(load(file))
    assert not (tmp_path / "out").exists()


def test_an_experiment_without_a_sweep_says_so(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(EXPERIMENT.partition("[sweep]")[0])
    with pytest.raises(ExperimentError, match=r"tiny.toml has no \[sweep\]"):
        sweep(load(file))


@pytest.mark.slow
def test_the_sweep_of_the_how_to_and_the_example_can_be_run(tmp_path):
    page = (ROOT / "docs/how-to/sweep.md").read_text(encoding="utf-8")
    shown = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    file = tmp_path / "tiny.toml"
    file.write_text(EXPERIMENT.partition("[sweep]")[0] + shown)
    for one in (file, ROOT / "experiments/sweep_phantoms.toml"):
        experiment = load(one)
        linear, wildcat = families(open_workspace(experiment), experiment.sweep)
        assert set(linear.space) == {"lr", "seed"}
        assert set(wildcat.space) == set(experiment.sweep.search)
        assert len(wildcat.space) == 5


@pytest.mark.slow
def test_the_curve_over_annotated_films_can_be_run():
    experiment = load(ROOT / "experiments/guided_phantoms.toml")
    (guided,) = families(open_workspace(experiment), experiment.sweep)
    assert search.trials_of(experiment.sweep, guided) == 7 * 3
    assert {0.0, 1.0} < set(guided.space["fraction"].choices)


def test_the_command_shows_the_best_and_says_where_they_are(made_up, tmp_path, capsys):
    file = written(tmp_path, ("trials = 4", "trials = 1"))
    cli.sweep(file, tmp_path / "elsewhere")
    shown = capsys.readouterr().out
    assert "linear head" in shown
    *_, page, best = shown.split()
    assert Path(page) == tmp_path / "elsewhere/sweep.html"
    assert Path(page).is_file()
    assert load(Path(best)).output_folder.resolve() == (tmp_path / "elsewhere").resolve()
