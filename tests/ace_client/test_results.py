import pytest

from ace_client.command.errors import CommandError
from ace_client.command.results import ResultFile
from ace_client.command.rows import FORMATS, Row


def row(file, **changed):
    values = {"prob_fake": 0.25, "label": "real", "model": "detector", "version": 7, "error": None} | changed
    return Row(file, **values)


ROWS = [row("a.jpg"), row('b "1",\n2.jpg', prob_fake=0.75, label="fake"), row("c.jpg", version=None, error="gone")]


def opened(path, name="jsonl", version=None):
    return ResultFile(path, FORMATS[name], "detector", version)


def written(path, name, rows):
    with opened(path, name) as results:
        for each in rows:
            results.add(each)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_wherever_a_run_is_cut_off_the_next_one_completes_the_file(tmp_path, name):
    path = tmp_path / "results"
    whole = written(path, name, ROWS)

    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        held = []
        with opened(path, name) as results:
            for file in results.missing((each.file for each in ROWS), held.append):
                results.add(next(each for each in ROWS if each.file == file))

        assert held == ROWS[: len(held)]
        assert path.read_bytes() == whole, f"cut off after {cut} bytes"


def test_a_file_is_asked_once_however_often_it_is_named(tmp_path):
    written(tmp_path / "results", "jsonl", ROWS[:1])
    held = []
    with opened(tmp_path / "results") as results:
        missing = list(results.missing(iter(["x.jpg", "a.jpg", "x.jpg", "a.jpg"]), held.append))

    assert (missing, held) == (["x.jpg"], ROWS[:1])


def test_rows_of_one_file_are_of_one_version(tmp_path):
    with opened(tmp_path / "results") as results:
        results.add(ROWS[0])
        with pytest.raises(CommandError, match=r"is for what version 7 answers, and b\.jpg was answered by version 8"):
            results.add(row("b.jpg", version=8))
    with opened(tmp_path / "results") as results, pytest.raises(CommandError, match="Pin the first with --version 7"):
        results.add(row("b.jpg", version=8))


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (b"notes without an end", {}, "does not begin as results in this --format do"),
        (b"file,prob_fake,label,model,version,error\n", {}, "does not begin as results in this --format do"),
        (b'{"file": "a.jpg"}\n', {"name": "csv"}, "does not begin as results in this --format do"),
        (b'{"file": "a.jpg"}\n', {}, r"holds what is no result\. Take it out, or give another file \(record 1: "),
        (b'{"file": "' + bytes(70_000), {}, "and does not end"),
        (FORMATS["jsonl"].render(row("a.jpg", model="other")), {}, "holds what model other answered, and --model is"),
        (FORMATS["jsonl"].render(row("a.jpg")), {"version": 8}, "is for what version 7 answers, and --version is 8"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path, content, arguments, said):
    path = tmp_path / "results"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=said):
        opened(path, **arguments)

    assert path.read_bytes() == content


def test_two_runs_do_not_write_to_one_file_at_once(tmp_path):
    with opened(tmp_path / "results"), pytest.raises(CommandError, match="Another ace-detect writes to"):
        opened(tmp_path / "results")
    with opened(tmp_path / "results"):
        pass


@pytest.mark.parametrize(("name", "said"), [(".", "is no file that"), ("gone/results", "cannot be written: No such")])
def test_a_place_where_no_file_can_be_is_an_error(tmp_path, name, said):
    with pytest.raises(CommandError, match=said):
        opened(tmp_path / name)
