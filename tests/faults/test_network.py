"""A run connects to nothing."""

import socket
import subprocess
import sys

import pytest

from heatproof.experiment.file import load
from heatproof.run.pipeline import run


def test_a_run_makes_no_connection(squares, monkeypatch):
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"a connection to {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(AssertionError, match="a connection"):
        socket.create_connection(("localhost", 1))
    assert run(load(squares)).is_file()


@pytest.mark.slow
def test_starting_makes_no_connection():
    code = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(watch)
import heatproof, heatproof.cli, heatproof.run.pipeline, heatproof.train
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
