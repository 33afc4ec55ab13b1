"""A real page of metrics over HTTP, a real program in the place of nvidia-smi, and what is read of both."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from ace_loadtest.arrivals import constant
from ace_loadtest.errors import NoMetrics
from ace_loadtest.loads import Open
from ace_loadtest.plan import Plan, Target
from ace_loadtest.run import run
from ace_loadtest.server_use import use
from ace_loadtest.watch import GpuLook, Look, Observed, Watcher

OURS = """\
# TYPE ace_server_queue_seconds histogram
ace_server_queue_seconds_bucket{{model_name="d",version="1",le="+Inf"}} {runs}
ace_server_queue_seconds_sum{{model_name="d",version="1"}} {queued}
ace_server_queue_seconds_count{{model_name="d",version="1"}} {runs}
# TYPE ace_server_run_seconds histogram
ace_server_run_seconds_sum{{model_name="d",version="1"}} {ran}
ace_server_run_seconds_count{{model_name="d",version="1"}} {runs}
# TYPE ace_server_batch_rows histogram
ace_server_batch_rows_bucket{{model_name="d",version="1",le="1"}} {single}
ace_server_batch_rows_bucket{{model_name="d",version="1",le="2"}} {runs}
ace_server_batch_rows_bucket{{model_name="d",version="1",le="+Inf"}} {runs}
ace_server_dropped_total{{model_name="d",version="1",reason="expired"}} {dropped}
ace_server_calls_in_flight{{api="Predict",entrypoint="GRPC"}} 3
ace_server_calls_in_flight{{api="predict",entrypoint="REST"}} 1
process_cpu_seconds_total {ran}
process_resident_memory_bytes 5e8
"""
TENSORFLOW_SERVING = """\
# TYPE :tensorflow:serving:batching_session:queuing_latency histogram
:tensorflow:serving:batching_session:queuing_latency_sum{{thread_pool_name="b"}} {queued}
:tensorflow:serving:batching_session:queuing_latency_count{{thread_pool_name="b"}} {runs}
:tensorflow:serving:batching_session:processed_batch_size_bucket{{le="1"}} {runs}
:tensorflow:serving:batching_session:processed_batch_size_bucket{{le="+Inf"}} {runs}
:tensorflow:core:graph_runs{{}} {runs}
:tensorflow:core:graph_run_time_usecs{{}} {ran}
"""


def observed(page: str, *values: dict[str, float]) -> Observed:
    looks = [Look(float(time_s), time_s * 0.25, page.format(**each)) for time_s, each in enumerate(values)]
    return Observed(tuple(looks))


def test_what_our_server_says_is_read():
    before = {"runs": 10, "queued": 1.0, "ran": 2.0, "single": 4, "dropped": 1}
    after = {"runs": 20, "queued": 1.5, "ran": 3.5, "single": 6, "dropped": 4}

    found = use(observed(OURS, before, after))

    assert (found.mean_queue_ms, found.mean_run_ms) == (pytest.approx(50), pytest.approx(150))
    assert found.batch_rows == {"1": 2, "2": 8}
    assert found.dropped == 3
    assert found.server == [(0.5, pytest.approx(1.5))]
    assert found.generator == [(0.5, pytest.approx(0.25))]
    assert found.in_flight == [(0.0, 4.0), (1.0, 4.0)]
    assert found.memory_mb[0] == (0.0, pytest.approx(500))


def test_what_tensorflow_serving_says_is_read():
    before, after = {"runs": 0, "queued": 0, "ran": 0}, {"runs": 10, "queued": 20_000, "ran": 300_000}

    found = use(observed(TENSORFLOW_SERVING, before, after))

    assert (found.mean_queue_ms, found.mean_run_ms) == (pytest.approx(2), pytest.approx(30))
    assert found.batch_rows == {"1": 10}
    assert found.memory_mb == found.server == []


def test_a_second_without_a_page_is_left_out():
    runs = ({"runs": n, "queued": 0, "ran": 1000 * n} for n in (0, 10, 20))
    first, _, last = observed(TENSORFLOW_SERVING, *runs).looks

    found = use(Observed((first, Look(1.0, 0.1, None), last)))

    assert found.run_ms == [(1.0, pytest.approx(1.0))]
    assert len(found.generator) == 2


def test_without_a_server_only_the_generator_is_known():
    found = use(Observed((Look(0.0, 0.0, None), Look(2.0, 1.0, None)))).as_json()

    assert found["generator_processors"] == 0.5
    assert {name for name, value in found.items() if value} == {"generator_processors"}


@pytest.fixture
def metrics_address():
    """Where a page of metrics is whose runs grow with each look."""
    looks = count(1)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/monitoring/prometheus/metrics" else 404)
            self.end_headers()
            n = next(looks)
            self.wfile.write(TENSORFLOW_SERVING.format(runs=n, queued=n, ran=1000 * n).encode())

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_looked_at_from_the_beginning_to_the_end(metrics_address):
    watcher = Watcher(metrics_address)
    watcher.start()
    seen = watcher.stop()

    assert use(seen).mean_run_ms == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", ["127.0.0.1:1", "ftp://127.0.0.1/metrics", "{address}/other"])
def test_no_page_is_a_clear_error(metrics_address, wrong):
    with pytest.raises(NoMetrics, match="metrics"):
        Watcher(wrong.replace("{address}", f"http://{metrics_address}")).check()


def test_a_page_that_is_missed_before_a_load_ends_it_and_one_that_goes_later_does_not(
    command, stub_address, images, tmp_path
):
    plan = Plan(
        targets=(Target(address=stub_address),), images=images, load=Open(constant(50, 0.2)), metrics="127.0.0.1:1"
    )
    given = (stub_address, "--metrics=127.0.0.1:1", "--images", images, "--out", tmp_path)

    assert next(look.page for look in run(plan).observed.looks) is None
    for arguments in (given, ("capacity", *given, "--slo=p99=5s")):
        status, printed, error = command(*arguments)
        assert (status, printed) == (1, "")
        assert "reading the server's metrics" in error


def test_a_gpu_is_read_of_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '97, 1234'\necho '[N/A], [N/A]'\necho '95, 1300'\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    watcher = Watcher(None)
    watcher.start()
    while len(watcher._gpu) < 2:
        watcher._stopped.wait(0.01)

    seen = watcher.stop()

    assert [(each.busy_percent, each.used_mib) for each in seen.gpu] == [(97, 1234), (95, 1300)]
    assert use(Observed(gpu=(GpuLook(1.0, 50, 10), GpuLook(2.0, 100, 20)))).as_json()["gpu_percent"] == 75


def test_the_command_reports_what_the_server_did(command, stub_address, metrics_address, images, tmp_path):
    flags = ("--rate=20", "--seconds=1.5", "--images", images, "--out", tmp_path, "--metrics", metrics_address)
    command(stub_address, *flags)

    assert "The server meanwhile" in (tmp_path / "report.html").read_text()
    assert "| mean in the queue, a run | 0.00100 ms, 1.00 ms |" in (tmp_path / "report.md").read_text()
