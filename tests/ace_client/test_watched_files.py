"""Files that are looked at by whoever asks for them."""

import threading
import time

from ace_client.watched_files import WatchedFiles


def test_a_thread_that_read_slowly_does_not_undo_a_later_change(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"first")
    reading, may_end = threading.Event(), threading.Event()

    def parse(contents):
        if contents == [b"second"]:
            reading.set()
            assert may_end.wait(30)
        return contents[0]

    watched = WatchedFiles([path], parse)
    path.write_bytes(b"second")
    slow = threading.Thread(target=lambda: wait_for(lambda: watched.current and reading.is_set()))
    slow.start()
    assert reading.wait(30)

    path.write_bytes(b"the third")
    wait_for(lambda: watched.current == b"the third")
    may_end.set()
    slow.join()

    assert watched.current == b"the third"


def wait_for(happened) -> None:
    end_s = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.01)
