"""Connections that are opened anew while others use them."""

import threading

import grpc
import pytest

from ace_client import Options
from ace_client.channel import Lines
from ace_client.security import Credentials

ADDRESS = "127.0.0.1:1"  # nothing is sent


class Renewed(Credentials):
    """Credentials whose files change to `number`; `meanwhile` runs once, between a look at them and its use."""

    number = 1
    meanwhile = None

    @property
    def stamp(self):
        found, meanwhile, self.meanwhile = self.number, self.meanwhile, None
        if meanwhile:
            meanwhile()
        return found


class Dialled:
    """Opens channels, and counts them; each waits for `may_open`."""

    def __init__(self):
        self.count = 0
        self.reached, self.may_open = threading.Event(), threading.Event()
        self.may_open.set()

    def __call__(self, target, _credentials, options):
        self.reached.set()
        self.may_open.wait(10)
        self.count += 1
        return grpc.insecure_channel(target, options=options)


@pytest.fixture
def dialled():
    return Dialled()


@pytest.fixture
def credentials():
    return Renewed(ADDRESS, None)


@pytest.fixture
def lines(dialled, credentials):
    made = Lines(ADDRESS, credentials, Options(), dialled)
    yield made
    for channel in made.close():
        channel.close()


def test_the_connections_that_are_there_serve_while_others_are_opened(lines, dialled):
    before = lines.pick("here")
    dialled.reached.clear()
    dialled.may_open.clear()
    other = threading.Thread(target=lines.pick, args=("there",))
    other.start()
    dialled.reached.wait(10)

    during = lines.pick("here")

    dialled.may_open.set()
    other.join()
    assert during == before


def test_who_comes_late_with_old_certificates_opens_nothing_for_them(lines, dialled, credentials):
    lines.pick()

    def renew():
        credentials.number = 2
        lines.pick()

    credentials.meanwhile = renew
    lines.pick()

    assert dialled.count == 2


def test_a_status_call_that_meets_the_close_opens_nothing(lines, dialled, credentials):
    lines.pick()
    credentials.meanwhile = lines.close

    with pytest.raises(ValueError, match="closed"):
        lines.status_method()

    assert dialled.count == 1
