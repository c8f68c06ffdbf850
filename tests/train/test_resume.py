"""A training that was interrupted ends as one that was not."""

import errno
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars
import pytest
import torch

from heatproof.errors import DamagedFile, ModelError
from heatproof.models.classifier import build
from heatproof.train import CURVE, LAST, fit
from heatproof.train.learner import write_curve
from heatproof.train.settings import Settings, TrainingProgress
from heatproof.train.whole import read_checkpoint
from tests.train.toys import ARCHITECTURE, PREPROCESSING, QUICK, blobs, model

# Everything that has a state: momenta, a schedule, dropout, chance in order and images.
SETTINGS = replace(QUICK, max_epochs=4, steps=2, keep=2, augment=("flip", "affine"), clip=1.0)


ROOT = Path(__file__).parents[2]


class Interrupted(Exception):
    """Instead of a signal."""


def curve(folder: Path) -> list[tuple]:
    return polars.read_csv(folder / CURVE).drop("seconds").rows()


def dropping() -> torch.nn.Module:
    network = model()
    network.backbone.append(torch.nn.Dropout(0.3))
    return network


def trained(folder: Path, settings: Settings = SETTINGS, stop_at: tuple[int, int] | None = None):
    def watch(now: TrainingProgress) -> None:
        if (now.epoch, now.step) == stop_at:
            raise Interrupted

    network = dropping()
    fitted = fit(network, blobs(40, 0), blobs(16, 1), settings, watch, folder)
    return network, fitted


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return *trained(folder), curve(folder)


@pytest.mark.parametrize("stop_at", [(1, 1), (2, 2), (4, 1)])
def test_the_curve_and_the_weights_are_those_of_an_unbroken_run(unbroken, tmp_path, stop_at):
    with pytest.raises(Interrupted):
        trained(tmp_path, stop_at=stop_at)
    network, fitted = trained(tmp_path)
    expected, whole, rows = unbroken
    assert curve(tmp_path) == rows
    for name, tensor in expected.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name
    names = [one.file.name for one in fitted.kept]
    assert names == [one.file.name for one in whole.kept]
    assert len(names) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [CURVE, f"{LAST}.ckpt", *names]
    )


def test_a_plateau_is_resumed_where_it_was(tmp_path, monkeypatch):
    """The score stays as it is, so the learning rate falls after every second round."""
    monkeypatch.setattr("heatproof.train.learner.mean_auroc", lambda *_: 0.5)
    settings = replace(SETTINGS, max_epochs=5, schedule="plateau(patience=1, factor=0.1)")
    trained(tmp_path / "unbroken", settings)
    for epoch in (3, 4):
        with pytest.raises(Interrupted):
            trained(tmp_path / "broken", settings, stop_at=(epoch, 1))
    trained(tmp_path / "broken", settings)
    assert curve(tmp_path / "broken") == curve(tmp_path / "unbroken")
    state = torch.load(tmp_path / "unbroken" / f"{LAST}.ckpt", weights_only=True)
    rates = [group["lr"] for group in state["optimizer_states"][0]["param_groups"]]
    assert rates == pytest.approx([SETTINGS.lr / 100] * len(rates))


@pytest.mark.parametrize(
    ("scores", "keep", "best"),
    [
        ((0.8, 0.8, 0.9), 2, [2, 0]),  # of equal ones the earlier
        ((0.95, 0.95 + 1e-9, 0.9), 1, [1]),  # closer than single precision tells
        ((0.9, 0.8, 0.8), 2, [0, 1]),
    ],
)
def test_equal_scores_keep_the_earlier_round(tmp_path, monkeypatch, scores, keep, best):
    told = iter(scores)
    monkeypatch.setattr("heatproof.train.learner.mean_auroc", lambda *_: next(told))
    settings = replace(SETTINGS, max_epochs=3, keep=keep, patience=9)
    _, fitted = trained(tmp_path, settings)
    assert [one.epoch for one in fitted.kept] == best
    files = {one.file.name for one in fitted.kept}
    assert {file.name for file in tmp_path.glob("best*")} == files


def test_a_training_that_is_done_is_not_done_again(tmp_path):
    _, first = trained(tmp_path)
    steps = []
    again = fit(dropping(), blobs(40, 0), blobs(16, 1), SETTINGS, steps.append, tmp_path)
    assert not steps
    assert again.history == first.history
    assert again.kept == first.kept


def test_one_that_stopped_early_is_not_gone_on_with(tmp_path):
    settings = replace(SETTINGS, target_auroc=0.0)
    _, first = trained(tmp_path, settings)
    assert len(first.history.epochs) == 1
    assert trained(tmp_path, settings)[1].history == first.history


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": replace(SETTINGS, lr=1e-2)}, "another settings"),
        ({"findings": ["spot"]}, "another findings"),
        ({"findings": ["blob", "spot"]}, "another findings"),
        ({"architecture": "resnet10t(width=16)"}, "another architecture"),
        ({"architecture": "resnet10t(stride=16, width=8)"}, "another architecture"),
        ({"head": "wildcat(alpha=0.5)"}, "another architecture"),
        ({"preprocessing": replace(PREPROCESSING, mean=(0.4,))}, "another preprocessing"),
        ({"seed": 7}, "another data"),
    ],
)
def test_checkpoints_of_another_training_are_refused(tmp_path, change, message):
    begun = model("wildcat" if "head" in change else "linear")
    fit(begun, blobs(40, 0), blobs(16, 1), SETTINGS, folder=tmp_path)
    before = (tmp_path / f"{LAST}.ckpt").read_bytes()
    network = build(
        change.get("architecture", ARCHITECTURE),
        change.get("head", "linear"),
        change.get("findings", ["blob"]),
        change.get("preprocessing", PREPROCESSING),
    )
    train, validation = blobs(40, change.get("seed", 0)), blobs(16, 1)
    for listed in (train, validation):
        for sample in listed.samples:
            sample.labels.update({"spot": sample.labels["blob"]})
    with pytest.raises(ModelError, match=rf"made with {message}.*use another folder"):
        fit(network, train, validation, change.get("settings", SETTINGS), folder=tmp_path)
    assert (tmp_path / f"{LAST}.ckpt").read_bytes() == before


@pytest.mark.parametrize("damage", ["last cut", "last flipped", "best flipped", "best gone"])
def test_a_damaged_checkpoint_is_told_and_the_training_begins_anew(unbroken, tmp_path, damage):
    with pytest.raises(Interrupted):
        trained(tmp_path, stop_at=(4, 1))
    which, how = damage.split()
    file = min(tmp_path.glob(f"{which}*.ckpt"))
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1  # in the middle of a tensor, where torch notices nothing
    file.unlink() if how == "gone" else file.write_bytes(content[:999] if how == "cut" else content)
    with pytest.warns(DamagedFile, match=rf"{which}.*begins anew"):
        network, _ = trained(tmp_path)
    assert curve(tmp_path) == unbroken[2]
    for name, tensor in unbroken[0].state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name


def test_a_disk_that_cannot_be_read_leaves_every_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        trained(tmp_path, stop_at=(4, 1))
    before = sorted(tmp_path.glob("*.ckpt"))
    read = Path.read_bytes

    def refuse(file: Path) -> bytes:
        if file.suffix == ".ckpt":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(file))
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ModelError, match="Input/output error"):
        trained(tmp_path)
    assert before
    assert sorted(tmp_path.glob("*.ckpt")) == before


class _Calls:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple:
        return open, (str(self._proof), "w")


def test_a_checkpoint_that_asks_for_more_than_tensors_runs_nothing(tmp_path):
    proof, content = tmp_path / "proof", io.BytesIO()
    torch.save({"state_dict": _Calls(proof)}, content)
    content.write(hashlib.sha256(content.getbuffer()).digest())  # whole, as its writer says
    (tmp_path / "last.ckpt").write_bytes(content.getvalue())
    with pytest.raises(ModelError, match="UnpicklingError"):
        read_checkpoint(tmp_path / "last.ckpt")
    assert not proof.exists()


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    def full(history, path):
        if len(history.epochs) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_curve(history, path)

    monkeypatch.setattr("heatproof.train.write_curve", full)
    with pytest.raises(ModelError, match=r"No space left on device.*goes on from it"):
        trained(tmp_path)
    monkeypatch.undo()
    _, fitted = trained(tmp_path)
    assert len(fitted.history.epochs) == 4


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(unbroken, tmp_path, full_at):
    with pytest.raises(Interrupted):
        trained(tmp_path, stop_at=(3, 1))
    last = tmp_path / f"{LAST}.ckpt"
    before = last.read_bytes()  # with momenta, so more than twice as large as weights alone
    with full_at(len(before) // 2), pytest.raises(ModelError, match=r"too large.*goes on from it"):
        trained(tmp_path)
    assert last.read_bytes() == before
    assert not list(tmp_path.glob(".*.unfinished"))
    trained(tmp_path)
    assert curve(tmp_path) == unbroken[2]


def test_a_loss_that_stops_being_finite_leaves_the_last_good_checkpoint(unbroken, tmp_path):
    network = dropping()

    def poison(now: TrainingProgress) -> None:
        if now.epoch == 3:
            network.head.classifier.weight.data.fill_(torch.nan)

    with pytest.raises(ModelError, match="the loss is nan in epoch 3"):
        fit(network, blobs(40, 0), blobs(16, 1), SETTINGS, poison, tmp_path)
    assert len(curve(tmp_path)) == 2
    trained(tmp_path)
    assert curve(tmp_path) == unbroken[2]


def test_ctrl_c_is_told_as_such_and_can_be_given_again(tmp_path):
    def interrupt(now: TrainingProgress) -> None:
        if now.epoch == 2:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(dropping(), blobs(40, 0), blobs(16, 1), SETTINGS, interrupt, tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(trained(tmp_path)[1].history.epochs) == 4


def test_sigterm_is_no_success_and_can_be_gone_on_from(tmp_path):
    def terminate(now: TrainingProgress) -> None:
        if now.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as left:
        fit(dropping(), blobs(40, 0), blobs(16, 1), SETTINGS, terminate, tmp_path)
    assert left.value.code == 128 + signal.SIGTERM
    assert len(trained(tmp_path)[1].history.epochs) == 4


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    """Ten kills with signal 9, wherever they fall."""
    code = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1)\n"
        "from tests.train.test_resume import trained; trained(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code]
    started = time.monotonic()
    subprocess.run([*command, str(tmp_path / "unbroken")], cwd=ROOT, check=True)
    whole, rows = time.monotonic() - started, curve(tmp_path / "unbroken")
    chance, kills, folder = random.Random(0), 0, tmp_path / "0"
    while kills < 10:
        process = subprocess.Popen([*command, str(folder)], cwd=ROOT)
        try:
            assert process.wait(chance.uniform(0, whole)) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert curve(folder) == rows
        folder = tmp_path / str(kills)
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True)
    assert curve(folder) == rows
