"""The public names: what a star import brings, and what is said where an import fails."""

import builtins
import subprocess
import sys

import pytest

import heatproof


def test_a_star_import_hides_no_builtin():
    assert not set(heatproof.__all__) & set(dir(builtins))
    for name in heatproof.__all__:
        assert getattr(heatproof, name) is not None
    assert heatproof.open.__module__ == "heatproof.runs.folder"


def test_a_notebook_can_complete_every_public_name():
    names = dir(heatproof)
    assert {*heatproof.__all__, "open", "randomization", "repeatability"} <= set(names)
    for name in names:
        assert getattr(heatproof, name) is not None
    assert not {"importlib", "Any"} & set(names)


def test_what_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'explane'"):
        _ = heatproof.explane


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        # gdcm imports ``dl`` where there is one, and expects the module of Python 2 in it.
        ("dl/__init__.py", "", "module 'dl' has no attribute"),
        ("polars.py", "import json\njson.nothing", "module 'json' has no attribute 'nothing'"),
        ("pydicom.py", "raise AttributeError('of its own')", "AttributeError: of its own"),
        ("polars/__init__.py", "", "polars"),
        ("zarr.py", "raise ImportError('half installed')", "half installed"),
    ],
)
def test_a_module_of_the_user_that_hides_a_library_is_shown(name, text, said, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / "script.py").write_text("from heatproof import Manifest, Phantom, open")
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert said in last
    assert "cannot import name 'Manifest'" not in last
