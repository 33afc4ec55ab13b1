"""The load for Locust itself and its web page.

locust -f loadtest/locustfile.py --host 127.0.0.1:8500 --images faces/test
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from locust import events

from ace_client.arguments import add_security, security
from ace_client.contract import MODEL_NAME
from ace_loadtest import LoadTestError
from ace_loadtest.payload import read_images
from ace_loadtest.users import DetectorUser, Errand

__all__ = ["DetectorUser"]


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """The options of the detector's users, each also read from the environment."""
    parser.add_argument("--images", env_var="ACE_LOADTEST_IMAGES", default="", help="folder of the images to send")
    parser.add_argument("--model", env_var="ACE_LOADTEST_MODEL", default=MODEL_NAME, help="default: %(default)s")
    parser.add_argument("--deadline-s", env_var="ACE_LOADTEST_DEADLINE_S", type=float, default=5.0, help="per request")
    add_security(parser)


@events.init.add_listener
def give_errand(environment: Any, **_: object) -> None:
    """The images and settings for all users; ends Locust with one line where there are none."""
    options = environment.parsed_options
    try:
        images = read_images(Path(options.images))
        environment.errand = Errand(images, options.model, options.deadline_s, security(options))
    except LoadTestError as error:
        sys.exit(f"locust: {error}")
