"""The path of a newcomer, measured: from a folder of films to the first page and the first overlay.

    python -m benchmarks.newcomer [FOLDER]

Draws a folder (an empty one; a temporary one unless named), gives the commands that the how-tos
give, each of which has to succeed at once, and prints a table of them with their seconds.

What it measures is the least that the path can take.  The folder is an easy one: ``init`` guesses
the columns, the words of the labels and the frame of the boxes, so that ``check`` finds nothing to
mend; the films are few and small; and the first page is that of a pilot of four films.  A program
gives the commands, so that reading and thinking are not in the seconds.  Nothing is downloaded: the
weights are random, and the maps mean nothing.
"""

import json
import platform
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
    """

    command: str
    seconds: float


def draw(folder: Path) -> None:
    """Films, a table and a network, named as ``init`` guesses them."""
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
    """Give a command in a folder, and wait for its end; it has to succeed."""
    began = time.monotonic()
    words = command.split()
    if words[0] == "heatproof":
        words = [sys.executable, "-c", "from heatproof.cli import main; main()", *words[1:]]
    else:
        words = [sys.executable, *words[1:]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).replace(str(folder.resolve()), ".")
    step = Step(command, time.monotonic() - began)
    print(f"$ {command}   ({step.seconds:.1f} s)\n{said}", flush=True)
    if done.returncode:
        raise SystemExit(f"{command} failed with exit status {done.returncode}")
    return step


def walk(folder: Path) -> list[Step]:
    """Every step until the first page, and the first overlay."""
    commands = (
        "heatproof init .",
        "heatproof check experiment.toml",
        f"heatproof look films/0003.png {MODEL}",
        f"heatproof run experiment.toml --films {PILOT}",
    )
    steps = [give(command, folder) for command in commands]
    (folder / "first.py").write_text(LOOK)  # only now, so that init finds no other code
    return [*steps, give("python first.py", folder)]


def summary(steps: list[Step]) -> str:
    """What was measured: commands, seconds, lines of code."""
    first = next(place for place, step in enumerate(steps) if "--films" in step.command)
    seconds = sum(step.seconds for step in steps[: first + 1])
    lines = [
        f"{FILMS} drawn films of {SIDE} x {SIDE} pixels, whose table has the names and words that"
        f" init guesses; a pilot of {PILOT} films; ResNet-18 with random weights. Reading and thinking"
        " are not in the seconds. The size, mean and std of look are those that its answer asks for"
        " where they are left out; that try is not counted.",
        "",
        "| command | seconds |",
        "|---|---|",
        *(f"| `{step.command}` | {step.seconds:.0f} |" for step in steps),
        "",
        f"- Until the page of the pilot: {seconds:.0f} seconds (aim: ten minutes).",
        f"- Lines of code until the first overlay: {len(LOOK.splitlines())} (aim: three), or none"
        " with `heatproof look`.",
        "",
        f"heatproof {__version__}, Python {platform.python_version()}, {platform.machine()}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    draw(place)
    print(summary(walk(place)))
