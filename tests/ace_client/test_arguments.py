import argparse

import pytest

from ace_client import INSECURE, Security
from ace_client.arguments import add_security, security


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], None),
        (["--insecure"], INSECURE),
        (["--tls"], Security()),
        (["--ca=ca.pem"], Security(ca="ca.pem")),
        (
            ["--ca=ca.pem", "--certificate=me.pem", "--key=me.key", "--token-file=token"],
            Security(ca="ca.pem", certificate="me.pem", key="me.key", token_file="token"),
        ),
        (["--insecure", "--token-file=token"], Security(tls=False, token_file="token")),
    ],
)
def test_flags_become_this_security(flags, expected):
    parser = argparse.ArgumentParser()
    add_security(parser)

    assert security(parser.parse_args(flags)) == expected


def test_flags_that_contradict_each_other_are_refused():
    parser = argparse.ArgumentParser()
    add_security(parser)

    with pytest.raises(ValueError, match="are for TLS"):
        security(parser.parse_args(["--insecure", "--ca=ca.pem"]))
