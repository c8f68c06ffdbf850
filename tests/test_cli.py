"""What a user types, and what comes back."""

import subprocess
import sys

import pytest

from heatproof import __version__, cli
from heatproof.errors import ModelError


def heatproof(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from heatproof.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_teaches_and_waits_for_no_heavy_library():
    # Nor do cheap mistakes wait, nor who lists and compares runs: torch and numba's compiler take
    # longer to load than all else.
    for module, heavy in (
        ("cli", {"torch", "numba"}),
        ("experiment.early", {"torch", "numba"}),
        ("runs.listing", {"torch"}),
        ("runs.comparison", {"torch"}),
        ("runs.export", {"torch"}),
    ):
        code = f"import sys, heatproof.{module}; print({heavy} & set(sys.modules))"
        loaded = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert loaded.stdout == "set()\n", module
    found = heatproof("--help")
    assert found.returncode == 0
    for word in ("demo", "run", "train", "explain", "score", "trust", "report", "methods"):
        assert word in found.stdout
    assert "[sweep]" in found.stdout


@pytest.mark.slow
def test_a_run_ends_with_the_path_of_the_report(squares):
    found = heatproof("run", str(squares))
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip().endswith("out/report.html")
    assert "explain" in found.stderr


def test_a_mistake_is_told_without_a_traceback(squares, monkeypatch, capsys):
    squares.write_text(squares.read_text().replace("grad_cam", "grad_cams"))
    monkeypatch.setattr(cli, "app", lambda: cli.check(squares))
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert "did you mean grad_cam" in said
    assert "Traceback" not in said


def test_a_wrong_command_line_has_its_own_status():
    assert heatproof("run").returncode == 2
    assert heatproof("dance").returncode == 2


def test_it_is_a_module_that_runs():
    command = [sys.executable, "-m", "heatproof", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"heatproof {__version__}\n"
    mistyped = subprocess.run([*command[:3], "dance"], capture_output=True, text=True, check=False)
    assert mistyped.returncode == 2
    assert "python -m heatproof" in mistyped.stderr


@pytest.mark.slow
def test_an_option_that_no_longer_exists_is_told():
    code = (
        "from heatproof.cli import _tell_what_is_meant_for_users as tell; tell();"
        "from heatproof.trust.rules import rules; rules.parse('heatproof(models=8)')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = "Ignored: heatproof no longer has models: models are generalized from"
    assert words in " ".join(told.stderr.split())


@pytest.mark.parametrize(
    ("kind", "expected"),
    {
        "methods": "grad_cam",
        "metrics": "binarize",
        "controls": "A Gaussian in the middle",
        "criteria": "randomization",
        "similarities": "ssim",
        "rules": "arun2021",
        "datasets": "boxes_frame",
        "backbones": "vgg19_bn",
        "heads": "alpha",
        "localizers": "retinanet",
        "formats": "relative: bool",
        "importers": "chexlocalize",
        "geometries": "center_crop",
        "interpolations": "antialias",
        "intensities": "clahe",
    }.items(),
)
def test_parts_are_listed_with_their_options(kind, expected, capsys):
    cli.list_parts(kind)
    out = capsys.readouterr().out
    assert expected in out
    assert "<class" not in out
    assert "typing." not in out
    if kind == "metrics":
        assert "binarize: Binarizer = otsu" in out
        assert "where an option is a binarizer:" in out


def test_check_says_what_it_found(squares, capsys):
    cli.check(squares)
    out = capsys.readouterr().out
    assert "bright judges 10 films of films" in out
    assert [path.name for path in (squares.parent / "out").iterdir()] == ["check"]
    assert "bright saw 10 films, rough AUROC: Square 1.00" in out
    assert "check/bright-" in out


def test_check_says_what_would_be_set_aside(squares, capsys):
    (squares.parent / "film3.png").write_text("no film")
    cli.check(squares)
    out = " ".join(capsys.readouterr().out.split())
    assert "films: f3 will be set aside" in out
    assert out.endswith("It can run.")


@pytest.mark.parametrize("kind", [OSError(28, "No space left on device"), OSError("full")])
def test_a_disk_that_is_full_is_told_without_a_traceback(kind, monkeypatch, capsys):
    def full() -> None:
        raise kind

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "System error: " in said
    assert "give the same command again" in said


def test_check_opens_the_models_too(squares):
    squares.write_text(squares.read_text().replace('features = "features"', 'features = "feature"'))
    with pytest.raises(ModelError, match=r"best first: features \(1 channels on 8 x 8 cells\)"):
        cli.check(squares)


@pytest.mark.slow
def test_a_quiet_run_says_where_the_report_is_and_nothing_else(squares):
    found = heatproof("run", str(squares), "--quiet")
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip().endswith("out/report.html")
    # Warnings stay: somebody should read them.
    assert "done" not in found.stderr
