import json
import logging
import subprocess
import sys

import pytest

from ace_server.logs import JsonFormatter, TextFormatter


def record(message, *arguments, fields=None, exc_info=None):
    made = logging.LogRecord("ace_server.x", logging.WARNING, "", 0, message, arguments, exc_info)
    if fields:
        made.fields = fields
    return made


def test_a_json_line_holds_time_level_logger_message_and_fields():
    line = JsonFormatter().format(record("%d calls", 3, fields={"model": "m", "rows": 2}))
    entry = json.loads(line)

    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "WARNING", "logger": "ace_server.x", "message": "3 calls", "model": "m", "rows": 2}


def test_an_exception_stays_on_the_one_json_line():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))

    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


def test_what_callers_write_cannot_begin_a_line_or_a_field_of_a_text_log():
    line = TextFormatter().format(record("called", fields={"model": "m\n2026 ERROR forged x=1", "rows": 2}))

    assert line.endswith(r'called model="m\n2026 ERROR forged x=1" rows=2')


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_logged_before_the_form_is_known_has_it_too(form, tmp_path):
    code = "import sys; from ace_server.__main__ import main; sys.exit(main(sys.argv[1:]))"
    flags = ["--model_base_path=/nowhere", "--enable_profiler", "--batching_parameters_file=x", "--enable_batching"]
    ended = subprocess.run([sys.executable, "-c", code, *flags, f"--log_format={form}"], capture_output=True, text=True)

    [line] = [line for line in ended.stderr.splitlines() if "no effect" in line]
    assert ended.returncode == 1
    assert line.startswith("{") == (form == "json")
