"""What a fork finds of a detector that its parent has used."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading
from ace_client import Detector

detector = Detector(sys.argv[1], deadline_s=20)
detector.detect(bytes(250))
busy = [threading.Thread(target=lambda: [detector.detect(bytes(250)) for _ in range(200)]) for _ in range(4)]
for thread in busy if sys.argv[2] == "busy" else []:
    thread.start()
child = os.fork()
if child == 0:
    fresh = Detector(sys.argv[1], deadline_s=20)
    print(detector.detect(bytes(500))[0].prob_fake, fresh.detect(bytes(500))[0].prob_fake, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(detector.detect(bytes(750))[0].prob_fake)
"""


def answers(address: str, state: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, address, state]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_fork_and_its_parent_both_go_on_asking(server, state):
    assert answers(server.address, state) == "0.5 0.5\n0.75\n"
