"""A file that is followed, in this process."""

import asyncio
import logging
from pathlib import Path

from ace_server.errors import InvalidArgument
from ace_server.followed_file import FollowedFile


def test_what_cannot_be_put_in_force_yet_is_tried_again_and_logged_once(tmp_path, caplog):
    path, tries, done = tmp_path / "models.config", [], asyncio.Event()

    async def put_in_force(text):
        tries.append(text)
        if len(tries) < 4:
            raise InvalidArgument("No versions of servable m found")
        done.set()

    async def scenario():
        following = asyncio.create_task(file.follow(look_s=0.001, put_in_force=put_in_force))
        await asyncio.wait_for(done.wait(), 10)
        following.cancel()

    path.write_text("old")
    file = FollowedFile(path, Path.read_text)
    path.write_text("new")
    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())

    assert (tries, file.current) == (["new"] * 4, "new")
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
