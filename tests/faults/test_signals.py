"""An early end is told, has a status of its own, and loses nothing."""

import signal
import subprocess
import sys
import time

import pytest

from heatproof import signals
from tests.faults.processes import AtUnit, Send, heatproof

LIFETIME = 120  # seconds
LATE = 10.0  # seconds by which a busy machine may be late; nothing below ends by itself so soon
ENDINGS = [
    (signal.SIGTERM, "import time; time.sleep(60)"),
    (signal.SIGHUP, "while True: pass"),
    (signal.SIGINT, "import time; time.sleep(60)"),
    # A long step that hears no handler, such as a pass of a network.
    (signal.SIGTERM, "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"),
    # Threads that would be waited for.
    (
        signal.SIGTERM,
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
        " time.sleep(60)",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "busy"), ENDINGS)
def test_it_ends_within_seconds_in_words_and_with_128_and_the_signal(number, busy):
    code = f"""
import signal, sys
signal.alarm({LIFETIME})  # ends it whatever becomes of the test
signal.signal({int(number)}, signal.SIG_DFL)  # nohup, and shells in the background, ignore some
from heatproof.signals import Stopped, stoppable
try:
    with stoppable(print):
        print("ready", flush=True)
        {busy.replace(chr(10), chr(10) + " " * 8)}
except Stopped as stopped:
    print(stopped)
    sys.exit(stopped.status)
"""
    command = [sys.executable, "-uc", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.2)  # so that it is busy
            process.send_signal(number)
            began = time.monotonic()
            said, _ = process.communicate(timeout=30)
            seconds = time.monotonic() - began
        finally:
            process.kill()
    assert signals.GRACE < 5  # after which schedulers send SIGKILL
    assert seconds < signals.GRACE + LATE
    assert process.returncode == 128 + number
    assert said.startswith(f"Interrupted ({number.name}). Give the same command again")


def test_a_signal_that_was_ignored_stays_ignored_and_others_are_as_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    hup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with signals.stoppable(print):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not before[1]
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, hup)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_copy_of_the_process_is_not_stopped_by_it():
    code = """
import os, signal
from heatproof.signals import stoppable
with stoppable(print):
    child = os.fork()
    if not child:
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    import time; time.sleep(0.2)
print("goes on")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "goes on\n"


@pytest.mark.slow
def test_a_run_that_is_stopped_again_and_again_ends_as_one_that_was_not(squares):
    folder = squares.parent
    status, _ = heatproof("run", str(squares), "-o", str(folder / "unbroken"), folder=folder)
    assert status == 0
    for number, unit in ((signal.SIGTERM, 2), (signal.SIGHUP, 4), (signal.SIGINT, 8)):
        status, said = heatproof(
            "run", str(squares), folder=folder, before=AtUnit(unit, Send(number))
        )
        assert status == 128 + number, said
        assert "Give the same command again" in said
        assert "Traceback" not in said
        assert not (folder / "out/report.html").exists()
    assert heatproof("run", str(squares), folder=folder)[0] == 0
    one, other = (folder / name / "report.html" for name in ("unbroken", "out"))
    assert one.read_bytes() == other.read_bytes()


def test_other_commands_end_so_too(squares):
    started = "import heatproof.experiment.file as file, os, signal; file.load = lambda *_, **__: "
    code = f"{started}os.kill(os.getpid(), signal.SIGTERM); from heatproof.cli import main; main()"
    command = [sys.executable, "-c", code, "check", str(squares)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 128 + signal.SIGTERM
    assert "Interrupted (SIGTERM)" in ran.stderr
