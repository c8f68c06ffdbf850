"""One parser, read by inputs that coverage leads: what finds a new branch is changed further.

    python -m benchmarks.fuzz_guided NAME SECONDS FOLDER

Atheris (libFuzzer) makes the inputs, from the good one and the odd values of
``tests/faults/fuzzing.py``; heatproof and the readers written in Python are instrumented.  ``FOLDER`` keeps the
inputs that found something new, so that another call goes on from them, and ``outcome.json``: what
was tried, answered and found.  ``benchmarks/fuzz.py --guided`` calls this, a process for each
parser, since Atheris never returns.
"""

import base64
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["heatproof", "pydicom", "nibabel"]):
    from heatproof.errors import HeatproofError
    from tests.faults.fuzzing import ODD, processor
    from tests.faults.parsers import PARSERS

HANG = 30  # seconds of one input, after which libFuzzer ends the process
MEMORY = 6_000  # megabytes
LONGEST = 200_000  # bytes of an input


def words(file: Path, good: bytes) -> None:
    """Write odd values, and the words of the good input, as a dictionary of libFuzzer."""
    found = {value.encode() for value in ODD if 0 < len(value) <= 60}
    found |= {word for word in good[:LONGEST].split(b'"') if 1 < len(word) <= 30}
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in sorted(found))
    file.write_text("\n".join(lines) + "\n")


def main() -> None:
    name, seconds, place = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]).resolve()
    parser = PARSERS[name]
    inputs = tempfile.TemporaryDirectory()
    made = parser.seed(Path(inputs.name))
    files = [made] if isinstance(made, Path) else list(made)
    good = [file.read_bytes() for file in files]
    parser.read(files[0])
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(good):
        (corpus / f"good{number}").write_bytes(bytes([number]) + content)
    words(place / "words.txt", b"".join(good))
    told = {"tried": 0, "answered": 0, "seconds": 0.0, "slowest": 0.0, "findings": []}
    seen = set()
    start = processor()
    until = time.monotonic() + 20 * seconds + 60  # of a machine that is busy otherwise

    def one(data: bytes) -> None:
        # The first byte says which of several files the others replace.
        number = (data[0] if data else 0) % len(files)
        files[number].write_bytes(data[1:])
        began = processor()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parser.read(files[number])
        except HeatproofError:
            told["answered"] += 1
        except Exception as error:
            said = f"{type(error).__name__}: {error}"[:300]
            if said not in seen and len(told["findings"]) < 100:
                seen.add(said)
                kept = base64.b64encode(data[:20_000]).decode()
                told["findings"].append({"parser": name, "input": kept, "error": said})
        taken = processor() - began
        files[number].write_bytes(good[number])
        told["tried"] += 1
        told["seconds"] = processor() - start
        told["slowest"] = max(told["slowest"], taken)
        if told["seconds"] >= seconds or time.monotonic() > until:
            (place / "outcome.json").write_text(json.dumps(told))
            inputs.cleanup()
            os._exit(0)

    limits = [f"-rss_limit_mb={MEMORY}", f"-timeout={HANG}", f"-max_len={LONGEST}"]
    paths = [f"-dict={place / 'words.txt'}", f"-artifact_prefix={place}/", str(corpus)]
    atheris.Setup([sys.argv[0], *limits, "-verbosity=0", *paths], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
