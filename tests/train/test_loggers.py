"""What loggers of others hold after a training is what the history says; nothing leaves here."""

from pathlib import Path

import pytest

from heatproof.errors import SpecError
from heatproof.train import fit
from heatproof.train.settings import History, Logger, Settings
from tests.train.toys import blobs, model


def trained(folder: Path, logger: Logger) -> History:
    settings = Settings(max_epochs=2, batch=16, loggers=(logger,))
    return fit(model(), blobs(32, 0), blobs(16, 1), settings, folder=folder).history


def aurocs(history: History) -> list[float]:
    return [epoch.auroc for epoch in history.epochs]


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_has_the_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = trained(tmp_path, "tensorboard")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    values = [event.value for event in events.Scalars("validation AUROC")]
    assert values == pytest.approx(aurocs(history))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_the_curve(tmp_path: Path, monkeypatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    history = trained(tmp_path, "mlflow")
    client = mlflow.MlflowClient(str(tmp_path / "mlruns"))
    [experiment] = client.search_experiments(filter_string="name = 'heatproof'")
    [run] = client.search_runs([experiment.experiment_id])
    entries = client.get_metric_history(run.info.run_id, "validation AUROC")
    values = [entry.value for entry in entries]
    assert values == pytest.approx(aurocs(history))


@pytest.mark.filterwarnings("ignore")
def test_wandb_has_the_run_offline(tmp_path: Path, monkeypatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    history = trained(tmp_path, "wandb")
    wandb.finish()
    [run] = tmp_path.glob("wandb/offline-run-*")
    [record] = run.glob("*.wandb")
    assert record.stat().st_size > 0
    assert len(history.epochs) == 2


def test_a_logger_that_is_not_installed_is_told(tmp_path: Path, monkeypatch) -> None:
    from lightning.pytorch import loggers

    def lacking(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("no such module")

    monkeypatch.setattr(loggers, "MLFlowLogger", lacking)
    with pytest.raises(SpecError, match="loggers: mlflow is not installed: pip install mlflow"):
        trained(tmp_path, "mlflow")
