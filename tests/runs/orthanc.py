"""A real PACS for a test: Orthanc with its DICOMweb plug-in, on a free port, its store empty."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PLUGINS = (Path("/usr/share/orthanc/plugins"), Path("/usr/lib/orthanc"))
_PATIENCE = 60  # seconds


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _plugin() -> Path | None:
    found = (file for place in _PLUGINS for file in place.glob("*OrthancDicomWeb.so*"))
    return next(found, None)


@contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """The address of its DICOMweb; the server ends with the block."""
    program, plugin = shutil.which("Orthanc"), _plugin()
    if program is None or plugin is None:
        pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
    port = _free_port()
    settings = {
        "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"),
        "HttpPort": port, "DicomPort": _free_port(), "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        server = subprocess.Popen([program, file], stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/system", server, folder / "orthanc.log")
        yield f"http://127.0.0.1:{port}/dicom-web"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"Orthanc ended at once: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"Orthanc does not answer: {log.read_text()[-2000:]}")
