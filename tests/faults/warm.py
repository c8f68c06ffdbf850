"""Imported once by the process that all disturbed ones are copies of, so that each starts at once.

What the experiments import is known after one run of each; the file that is named in the
environment lists it.
"""

import contextlib
import importlib
import json
import os
from pathlib import Path

MODULES = "HEATPROOF_TESTED_MODULES"

if MODULES in os.environ:
    for name in json.loads(Path(os.environ[MODULES]).read_text()):
        # Some modules are no modules of a file, or refuse to be imported by themselves.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
