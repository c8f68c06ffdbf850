"""Every command of heatproof in the docs is given as it stands, where there is what it names."""

import csv
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import typer.main

from heatproof.cli import app
from heatproof.errors import HeatproofError
from heatproof.reading.serving import opened
from heatproof.reading.study import load
from heatproof.studies.tiny import write_phantoms
from tests.conftest import ROOT
from tests.reading.conftest import Browser, server
from tests.reading.test_export import read_all
from tests.runs.conftest import dicom_run  # noqa: F401  # a fixture
from tests.test_docs_blocks import PAGES, blocks, name

# Commands that another test gives, and which.
ELSEWHERE = {
    "heatproof convert": "tests/test_docs.py",
    "heatproof reproduce aggarwal2020 --tiny": "tests/studies/test_studies.py",
    "heatproof reproduce aggarwal2020 --data FOLDER": "tests/studies/test_studies.py",
    "heatproof run experiments/real_films.toml": "tests/run/test_real_films.py",
    "heatproof run experiment.toml --worker": "tests/run/test_workers.py",
    "heatproof sweep experiment.toml --ray": "tests/sweep/test_cluster.py",
    "torchrun": "tests/preparation/test_processes.py",
    "storescu": "tests/runs/test_pacs.py",
}
SERVERS = "heatproof read"  # without --export: they end when they are told to
CHECKED = "--check"
NEVER = {  # of the tools of others, or of a whole afternoon
    "ray start": "tests/sweep/test_cluster.py starts its own cluster",
    "git worktree": "of the repository",
    "pip install": "needs a network",
    "make ": "what runs these tests",
    "pytest ": "what runs these tests",
    "python ": "scripts: tests/test_docs_blocks.py looks for them, and tests/run has one for each",
}


def lines() -> list[tuple[str, str]]:
    """Page and command, of every block of commands."""
    found = []
    for page in PAGES:
        for block in [*blocks(page, "sh"), *blocks(page, "")]:
            whole = block.replace("\\\n", " ")
            told = [line.split(" #")[0].strip() for line in whole.splitlines()]
            if any(line.split()[0] == "heatproof" for line in told if line) or block in blocks(
                page, "sh"
            ):
                found += [(name(page), line) for line in told if line]
    return found


def served(line: str) -> bool:
    return line.startswith(SERVERS) and "--export" not in line


GIVEN = [
    (page, line)
    for page, line in lines()
    if not served(line) and (line.endswith(CHECKED) or not line.startswith((*ELSEWHERE, *NEVER)))
]
SERVED = [line for _, line in lines() if served(line)]


def test_every_command_is_given_here_or_where_it_is_said() -> None:
    assert len(GIVEN) > 12
    assert len(SERVED) == 4
    for start, test in ELSEWHERE.items():
        assert any(line.startswith(start) for _, line in lines()), start
        assert (ROOT / test).is_file(), test
    for start in NEVER:
        assert any(line.startswith(start) for _, line in lines()), start


def small(text: str) -> str:
    """An experiment with the same keys, of few and small films."""
    text = re.sub(r"^size = \d+", "size = 64", text, flags=re.MULTILINE)
    text = re.sub(r"^images = \d+", "images = 24\nprevalence = 0.5", text, flags=re.MULTILINE)
    text = text.replace("height=96, width=96", "height=32, width=32")
    text = text.replace("width=16)", "width=8)")
    for key, value in {"max_epochs": 1, "trials": 2, "seeds": "[0, 1]", "side": 32}.items():
        text = re.sub(rf"\b{key} = (\[[^]]*\]|\d+)", f"{key} = {value}", text)
    return text + "\n[statistics]\nresamples = 100\nmin_positives = 2\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory, request) -> Iterator[Path]:
    """A folder with the experiments, runs and tables that the commands name."""
    place = tmp_path_factory.mktemp("docs")
    clinic: Path = request.getfixturevalue("dicom_run")
    shutil.copytree(clinic.parent, place, dirs_exist_ok=True)
    shutil.move(place / "out", place / "runs/mine")
    text = clinic.read_text().replace('output = "out"', 'output = "runs/mine"')
    (place / "mine.toml").write_text(text)
    (place / "experiments").mkdir()
    for file in ("tagged_phantoms", "sweep_phantoms"):
        whole = (ROOT / f"experiments/{file}.toml").read_text()
        (place / f"experiments/{file}.toml").write_text(small(whole))
    shutil.copy(place / "experiments/tagged_phantoms.toml", place / "experiment.toml")
    rng = np.random.default_rng(0)
    with (place / "study.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["reader", "case", "modality", "truth", "rating"])
        for case in range(30):
            for reader in ("anna", "ben", "cora"):
                for modality in ("with map", "without"):
                    rating = 50 + 20 * (case % 2) + rng.normal(0, 15)
                    table.writerow([reader, case, modality, case % 2, round(rating)])
    page = (ROOT / "docs/how-to/read-films.md").read_text(encoding="utf-8")
    [study] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (place / "study.toml").write_text(study.replace("size = 512", "size = 64"))
    write_phantoms(place / "FOLDER", ["rsna_pneumonia"])
    yield place
    shutil.rmtree(place)


@pytest.fixture
def read_films(place: Path) -> None:
    """All readers of the study have read all."""
    file = place / "study.toml"
    if "Outline every" in (text := file.read_text()):
        # The names that the readers of tests/reading look for, and no month between sessions.
        text = text.replace('"Outline every nodule"', '"Outline"').replace(
            "washout_days = 28", "washout_days = 0"
        )
        file.write_text(text)
    room = opened(load(file))
    for reader, shift, skill in (("Ada", 0.0, 0.9), ("Bo", 2.0, 0.8), ("Cy", 1.0, 1.0)):
        client = server(room)
        read_all(room, Browser(client, room.ledger.new_token(reader)), shift, skill)
        client.close()
    room.ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line"), GIVEN, ids=[line for _, line in GIVEN])
def test_a_command_of_the_docs_does_what_it_says(page, line, place, request, monkeypatch) -> None:
    monkeypatch.chdir(place)
    if "read-films" in page and not (place / "out/marks.json").exists():
        request.getfixturevalue("read_films")
        if line.startswith("heatproof mrmc"):
            give("heatproof read study.toml --export out")
    if line.startswith("heatproof run experiments/runs/sweep_phantoms"):
        best = place / "experiments/runs/sweep_phantoms/best.toml"
        if not best.exists():
            give("heatproof sweep experiments/sweep_phantoms.toml")
    if not line.startswith("heatproof"):
        subprocess.run(line, shell=True, check=True, cwd=place)
        return
    if "--pseudonymize" in line and not (place / "study.key").exists():
        (place / "study.key").write_bytes(bytes(range(32)))
    if line.endswith(CHECKED):
        # Phantoms are not the films of the study: each count that differs is told.
        with pytest.raises(HeatproofError, match="published"):
            give(line)
        return
    give(line)


def give(line: str) -> None:
    _, command, *words = shlex.split(line)
    typer.main.get_command(app).commands[command].main(words, standalone_mode=False)


@pytest.mark.slow
@pytest.mark.parametrize("line", SERVED)
def test_a_reading_room_of_the_docs_opens(line, place) -> None:
    """It prints its links, answers, and ends when it is told to."""
    if "--tls" in line and not (place / "key.pem").exists():
        if shutil.which("openssl") is None:
            pytest.skip("openssl, which makes the certificate, is not installed")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=place, check=True, capture_output=True,
        )  # fmt: skip
    words = shlex.split(line.replace("10.0.0.5", "127.0.0.1"))[1:]
    command = [sys.executable, "-m", "heatproof", *words, "--port", "0"]
    told, errors = place / "told.txt", place / "errors.txt"
    with told.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=place)
    try:
        for _ in range(240):
            if found := re.search(r"^admin\t(https?://.+?)/#", told.read_text(), re.MULTILINE):
                break
            assert process.poll() is None, errors.read_text()
            time.sleep(0.5)
        else:
            pytest.fail("no link was printed")
        if found[1].startswith("http://127.0.0.1"):
            assert answers(found[1]) == HTTPStatus.OK
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> int:
    """The status of an answer, as soon as the server listens."""
    for _ in range(120):
        with suppress(URLError), urllib.request.urlopen(address) as answer:
            return answer.status
        time.sleep(0.5)
    raise AssertionError("the server does not listen")
