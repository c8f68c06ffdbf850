"""A campaign of inputs that nobody would write on purpose, for the parsers of ``fuzzing.PARSERS``.

    python -m benchmarks.fuzz --inputs 5000

Each input is decided by the parser and a number; ``results/fuzz.json`` records how far the numbers
were tried, so that another call goes on there.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from heatproof import __version__
from heatproof.disk import write_whole
from tests.faults.fuzzing import PARSERS, fuzz

RECORD = Path(__file__).parent / "results/fuzz.json"
STEP = 200  # inputs between two records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=5000, help="of each parser, in all")
    parser.add_argument("--parsers", nargs="*", default=list(PARSERS), choices=list(PARSERS))
    asked = parser.parse_args()
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record = {"heatproof": __version__, "parsers": {}} | known
    for name in asked.parsers:
        of = record["parsers"].setdefault(name, {"tried": 0, "answered": 0, "findings": []})
        while of["tried"] < asked.inputs:
            until = min(of["tried"] + STEP, asked.inputs)
            with tempfile.TemporaryDirectory() as folder:
                answered, findings = fuzz(PARSERS[name], Path(folder), range(of["tried"], until))
            of["tried"], of["answered"] = until, of["answered"] + answered
            of["findings"] += [dataclasses.asdict(each) for each in findings]
            write_whole(RECORD, json.dumps(record, indent=1) + "\n")
        print(
            name,
            of["tried"],
            "tried,",
            of["answered"],
            "answered in words,",
            len(of["findings"]),
            "not",
            flush=True,
        )
    sys.exit(any(of["findings"] for of in record["parsers"].values()))


if __name__ == "__main__":
    main()
