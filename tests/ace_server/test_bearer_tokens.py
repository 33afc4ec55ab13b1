"""Files of bearer tokens, and what opens the server."""

import pytest

from ace_server.bearer_tokens import read_tokens
from ace_server.errors import StartError, Unauthenticated
from ace_server.options import Options
from ace_server.security import Security

TOKENS = read_tokens("# of the web shop\nweb-shop.7f3a==\n\n  batch_job~1  \n")


@pytest.mark.parametrize("authorization", ["Bearer web-shop.7f3a==", "bearer batch_job~1", "Bearer  batch_job~1"])
def test_each_token_of_the_file_opens(authorization):
    TOKENS.check(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer web-shop",
        "web-shop.7f3a==",
        "Basic web-shop.7f3a==",
        "Bearer # of the web shop",
    ],
)
def test_nothing_else_opens(authorization):
    with pytest.raises(Unauthenticated, match="--bearer_token_file"):
        TOKENS.check(authorization)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc\nname: secret-1\n", "line 2 is no bearer token"),
        ("# nothing yet\n", "There is no token in it"),
    ],
)
def test_says_what_is_wrong_with_a_file_and_not_what_is_in_it(tmp_path, text, message):
    file = tmp_path / "tokens"
    file.write_text(text)

    with pytest.raises(StartError, match=message) as caught:
        Security(Options(model_base_path="/models", bearer_token_file=str(file)))
    assert str(file) in str(caught.value)
    assert "secret-1" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StartError, match=r"Cannot read .*none: No such file"):
        Security(Options(model_base_path="/models", bearer_token_file=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("host", "warned"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False), ("localhost", False)]
)
def test_warns_of_tokens_that_others_can_read_on_their_way(tmp_path, caplog, host, warned):
    file = tmp_path / "tokens"
    file.write_text("abc")

    Security(Options(model_base_path="/models", bearer_token_file=str(file), host=host))

    assert ("unencrypted" in caplog.text) is warned
