"""Run apart: explains films under a memory budget, and prints the peak of the process in bytes."""

import re
import sys
from pathlib import Path

import torch

from heatproof.data.geometry import Squash
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.memory import parse_memory

if __name__ == "__main__":
    memory, architecture, images, side, *specs = sys.argv[1:]
    torch.set_num_threads(2)
    model = build(architecture, "linear", ["a", "b"], Preprocessing(Squash(int(side), int(side))))
    films = torch.randn(int(images), 3, int(side), int(side))
    explain(methods.parts(specs), model, films, [0, 1], parse_memory(memory))
    # Not ru_maxrss, in which a child starts with what its parent had.
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak) * 1024)
