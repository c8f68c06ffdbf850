"""The path of a newcomer, measured: from a folder of films to the first page and the first overlay.

    python -m benchmarks.newcomer [FOLDER]

Draws a folder (an empty one; a temporary one unless named), gives the commands that the how-tos
give, mends what each round of ``check`` names, as a reader of its answer would, and prints a table
of commands, seconds and exit statuses.

What it measures is the least that the path can take.  The folder is an easy one: ``init`` knows the
names of the columns and the words of the labels, the films are few and small, the frame of the
boxes is the one that the answer of ``check`` proposes, and the first page is that of a pilot of
four films.  A program gives the commands, so that reading and thinking are not in the seconds.
Nothing is downloaded: the weights are random, and the maps mean nothing.
"""

import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from heatproof import __version__

FILMS, SIDE = 36, 512
PILOT = 4
MOST = 10  # commands until check has to be content
NETWORK = """import torch
from torchvision.models import resnet18


def build():
    network = resnet18(weights=None, num_classes=1)
    network.load_state_dict(torch.load("resnet18.pt"))
    return network
"""
MODEL = (
    "--model network.py:build --findings Opacity --size 224 --mean 0.485,0.456,0.406"
    " --std 0.229,0.224,0.225 -o look.png"
)
LOOK = """import heatproof, network
model = heatproof.wrap(network.build(), ["Lung Opacity"], size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
heatproof.explain(model, "films/0003.png", "grad_cam")["grad_cam"].save("overlay.png")
"""


@dataclass
class Step:
    """One command.

    Attributes:
        command: As it is typed.
        seconds: Until it ended.
        said: What it printed, errors included.
        status: Its exit status.
        mended: What was changed in the files after it, as the answer says.
    """

    command: str
    seconds: float
    said: str
    status: int
    mended: tuple[str, ...] = ()


def draw(folder: Path) -> None:
    """Films, a table and a network, as a newcomer has them."""
    import torch
    from torchvision.models import resnet18

    generator = np.random.default_rng(0)
    (folder / "films").mkdir(parents=True)
    rows = ["file,patientId,class,boxes_xywh,sex"]
    y, x = np.mgrid[:SIDE, :SIDE]
    for index in range(1, FILMS + 1):
        body = 90 * np.exp(-(((x - SIDE / 2) / 190) ** 4) - ((y - SIDE / 2) / 220) ** 4)
        film = body + generator.normal(20, 6, (SIDE, SIDE))
        boxes = []
        if index % 3 == 0:
            left, top = (int(value) for value in generator.integers(110, 300, 2))
            film[top : top + 90, left : left + 90] += 60
            boxes = [[2 * left, 2 * top, 180, 180]]
        Image.fromarray(film.clip(0, 255).astype(np.uint8)).save(folder / f"films/{index:04d}.png")
        said = "Lung Opacity" if boxes else "Normal"
        sex = "FM"[index % 2]
        rows.append(f'films/{index:04d}.png,p{index // 2:03d},{said},"{json.dumps(boxes)}",{sex}')
    (folder / "stage_2.csv").write_text("\n".join(rows) + "\n")
    torch.manual_seed(0)
    torch.save(resnet18(weights=None, num_classes=1).state_dict(), folder / "resnet18.pt")
    (folder / "network.py").write_text(NETWORK)


def give(command: str, folder: Path) -> Step:
    """Give a command in a folder, and wait for its end."""
    began = time.monotonic()
    words = command.split()
    if words[0] == "heatproof":
        words = [sys.executable, "-c", "from heatproof.cli import main; main()", *words[1:]]
    else:
        words = [sys.executable, *words[1:]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).replace(str(folder.resolve()), ".")
    step = Step(command, time.monotonic() - began, said, done.returncode)
    print(f"$ {command}   ({step.seconds:.1f} s, status {step.status})\n{said}", flush=True)
    return step


def succeeding(command: str, folder: Path) -> Step:
    """Give a command that has to succeed."""
    step = give(command, folder)
    if step.status:
        raise SystemExit(f"{command} failed")
    return step


def mend(step: Step, folder: Path) -> None:
    """Change in the files what an answer names, by the words of its cure alone."""
    mended = []
    file = folder / "experiment.toml"
    for found in re.finditer(r"(boxes_frame = \[\d+, \d+\])", step.said):
        text = file.read_text()
        if found[1] not in text:
            file.write_text(text.replace('boxes = "', f'{found[1]}\nboxes = "', 1))
            mended.append(found[1])
    step.mended = tuple(mended)


def walk(folder: Path) -> list[Step]:
    """Every step until the first page, and the first overlay."""
    steps = [succeeding("heatproof init .", folder)]
    while len(steps) < MOST:
        step = give("heatproof check experiment.toml", folder)
        steps.append(step)
        if step.status == 0:
            break
        mend(step, folder)
        if not step.mended:
            raise SystemExit(f"nothing in this answer says what to do:\n{step.said}")
    else:
        raise SystemExit(f"check still finds mistakes after {MOST - 1} rounds")
    steps.append(succeeding(f"heatproof look films/0003.png {MODEL}", folder))
    steps.append(succeeding(f"heatproof run experiment.toml --films {PILOT}", folder))
    (folder / "first.py").write_text(LOOK)
    steps.append(succeeding("python first.py", folder))
    return steps


def summary(steps: list[Step]) -> str:
    """What was measured: commands, rounds, seconds, lines of code."""
    rounds = sum(step.command.startswith("heatproof check") for step in steps)
    first = next(place for place, step in enumerate(steps) if "--films" in step.command)
    seconds = sum(step.seconds for step in steps[: first + 1])
    typed = sum(len(step.mended) for step in steps)
    lines = [
        f"{FILMS} drawn films of {SIDE} x {SIDE} pixels, whose table has the names and words that"
        f" init knows; a pilot of {PILOT} films; ResNet-18 with random weights. Reading and thinking"
        " are not in the seconds. The size, mean and std of look are those that its answer asks for"
        " where they are left out; that try is not counted.",
        "",
        "| command | seconds | exit status | changed in the file afterwards |",
        "|---|---|---|---|",
        *(
            f"| `{step.command}` | {step.seconds:.0f} | {step.status} |"
            f" {', '.join(f'`{one}`' for one in step.mended) or 'nothing'} |"
            for step in steps
        ),
        "",
        f"- Rounds of `check` until it can run: {rounds} (aim: two).",
        f"- Until the page of the pilot: {seconds:.0f} seconds (aim: ten minutes).",
        f"- Lines of code until the first overlay: {len(LOOK.splitlines())} (aim: three), or none"
        " with `heatproof look`.",
        f"- Keys typed into the experiment file: {typed}.",
        "",
        f"heatproof {__version__}, Python {platform.python_version()}, {platform.machine()}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    draw(place)
    print(summary(walk(place)))
