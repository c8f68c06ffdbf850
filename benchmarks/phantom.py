"""Phantoms per second on one core, at 320 px and at the default size.

Run ``python benchmarks/phantom.py``; it writes ``benchmarks/results/phantom.json``.  At least 150
images/s at 320 px is asked for.  Time is the best of several rounds, of the process's own
processor time, so that a busy machine hurts less.
"""

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import cv2

from heatproof.data.datasets.phantom import Phantom

IMAGES, ROUNDS = 50, 20


def images_per_second(size: int) -> float:
    data = Phantom(images=IMAGES, size=size)
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for index in range(IMAGES):
            data[index].pixels.read()
        seconds.append(time.process_time() - start)
    return IMAGES / min(seconds)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def main() -> None:
    cv2.setNumThreads(1)
    result = {
        "what": "phantoms drawn per second on one core, best of several rounds",
        "command": "python benchmarks/phantom.py",
        "images": IMAGES,
        "rounds": ROUNDS,
        "images_per_second": {str(size): round(images_per_second(size), 1) for size in (96, 320)},
        "machine": {"processor": processor(), "system": platform.system()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "opencv-python-headless")},
    }
    path = Path(__file__).parent / "results" / "phantom.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
