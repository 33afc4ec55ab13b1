"""The manager in this process: what it announces, and what it makes of loads that fail."""

import asyncio
import shutil

import pytest

from ace_server.batching import Batcher
from ace_server.config import BatchingParameters
from ace_server.errors import ModelError
from ace_server.manager import Manager
from ace_server.model_config import ModelConfig
from ace_server.options import Options
from ace_server.servable import SessionSettings


class Picky(Batcher):
    """A batcher that admits versions while it has memory."""

    memory = True

    def admit(self, servable):
        if not self.memory:
            raise MemoryError("an array of a terabyte")


class Managed:
    """A manager over the models of one folder, and what it has announced."""

    def __init__(self, folder):
        self.announced = asyncio.Queue()
        self.batcher = Picky(BatchingParameters(), merging=False)
        options = Options(
            model_base_path=str(folder), max_num_load_retries=0, trial_load=False, file_system_poll_wait_seconds=0.02
        )
        self.manager = Manager(options, self.batcher, SessionSettings(), announce=self.announced.put)
        self._folder = folder

    async def apply(self, *names):
        await self.manager.apply({name: ModelConfig(name, self._folder / name) for name in names})


def test_a_refused_change_announces_what_has_loaded_in_the_meantime(tmp_path, probe_path):
    version = shutil.copytree(probe_path, tmp_path / "m" / "1")
    (tmp_path / "broken" / "1").mkdir(parents=True)

    async def scenario():
        managed = Managed(tmp_path)
        await managed.apply("m")
        version.rename(tmp_path / "away")
        watching = asyncio.create_task(managed.manager.watch())
        states = [await managed.announced.get(), await managed.announced.get()]
        watching.cancel()
        (tmp_path / "away").rename(tmp_path / "m" / "2")
        with pytest.raises(ModelError):
            await managed.apply("m", "broken")
        return [*states, managed.announced.get_nowait()]

    assert asyncio.run(scenario()) == [{"m": True}, {"m": False}, {"m": True}]


def test_a_load_that_fails_in_a_way_that_nobody_foresaw_fails_alone(tmp_path, probe_path, caplog):
    shutil.copytree(probe_path, tmp_path / "m" / "1")

    async def scenario():
        managed = Managed(tmp_path)
        managed.batcher.memory = False
        for _ in range(2):
            with pytest.raises(ModelError, match="m/1 did not load; the server's log has the details"):
                await managed.apply("m")
            await asyncio.sleep(0)  # the version that has failed goes when the change has been refused
        managed.batcher.memory = True
        await managed.apply("m")
        return managed.announced.get_nowait()

    assert asyncio.run(scenario()) == {"m": True}
    assert "an array of a terabyte" in caplog.text
