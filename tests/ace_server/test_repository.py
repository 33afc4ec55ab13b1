"""Base paths as people and scripts fill them."""

import logging

from ace_server.repository import versions_under


def test_a_number_that_no_message_carries_is_passed_over_and_warned_of_once(tmp_path, caplog):
    largest, time_stamp = 2**63 - 1, "20261125163053123456"
    for name in ("1", str(largest), time_stamp):
        (tmp_path / name).mkdir()

    with caplog.at_level(logging.WARNING):
        found = [versions_under(tmp_path) for _ in range(2)]

    assert found == [{number: tmp_path / str(number) for number in (1, largest)}] * 2
    assert [record.message.split(" is ")[0] for record in caplog.records] == [str(tmp_path / time_stamp)]
