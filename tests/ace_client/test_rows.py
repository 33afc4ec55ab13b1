import pytest

from ace_client import Verdict
from ace_client.command.rows import FORMATS, Row, row_of

FAKE = Row("a.jpg", 0.975, "fake", "detector", 7, None)
UNREAD = Row("b.jpg", None, None, "detector", None, "no such file")
STRANGE = Row('a "b",\r\nc\udcff.jpg', 1e-06, "real", "detector", 0, "two\nlines")


def test_a_row_is_what_a_verdict_says_of_a_file():
    assert row_of("a.jpg", "detector", Verdict(0.97512345, "fake", 7)) == Row(
        "a.jpg", 0.975123, "fake", "detector", 7, None
    )
    assert row_of("b.jpg", "detector", Verdict(float("nan"), "", None, "no such file")) == UNREAD


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (
            "jsonl",
            '{"file": "a.jpg", "prob_fake": 0.975, "label": "fake", "model": "detector", "version": 7, "error": null}\n'
            '{"file": "b.jpg", "prob_fake": null, "label": null, "model": "detector", "version": null, '
            '"error": "no such file"}\n',
        ),
        (
            "csv",
            "file,prob_fake,label,model,version,error\na.jpg,0.975,fake,detector,7,\nb.jpg,,,detector,,no such file\n",
        ),
        (
            "table",
            "prob_fake  label  version  file\n"
            "   0.9750  fake         7  a.jpg\n"
            "        –  –            –  b.jpg  (no such file)\n",
        ),
    ],
)
def test_what_each_format_looks_like(name, written):
    layout = FORMATS[name]

    assert (layout.header + layout.render(FAKE) + layout.render(UNREAD)).decode() == written
    assert written.encode().startswith(layout.opening)


@pytest.mark.parametrize("name", ["jsonl", "csv"])
@pytest.mark.parametrize("row", [FAKE, UNREAD, STRANGE], ids=["fake", "unread", "strange"])
def test_rows_are_read_as_they_were_written(name, row):
    assert FORMATS[name].parse(FORMATS[name].render(row)) == row


@pytest.mark.parametrize("name", ["jsonl", "csv"])
@pytest.mark.parametrize("record", [b"\n", b"1\n", b"[]\n", b'{"file": 1}\n', b"a,b\n", b"a,b,c,d,e,f\n", b'a"\0\n'])
def test_what_is_no_row_is_a_value_error(name, record):
    with pytest.raises(ValueError):  # noqa: PT011 each with its own words
        FORMATS[name].parse(record)


def test_a_table_keeps_a_name_from_moving_the_cursor():
    assert FORMATS["table"].render(STRANGE).endswith(b'  a "b",\\r\\nc\\udcff.jpg  (two\\nlines)\n')
