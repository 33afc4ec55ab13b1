from ace_loadtest.samples import BAD_IMAGE, OK, Recorder, from_bytes, made, merged


def test_what_is_added_is_what_is_kept():
    recorder = Recorder(generator=3)
    recorder.add(7, (1.0, 1.5, 2.0), (OK, 4, 2, 1))
    recorder.add(8, (2.0, 2.0, 2.5), ("UNAVAILABLE", None, 1, 0))
    recorder.add(9, (2.0, 2.0, 2.5), ("a status of tomorrow", None, 1, 0))

    samples = recorder.samples()

    assert samples.rows.tolist()[0] == (7, 1.0, 1.5, 2.0, 4, 2, 0, 1, 3)
    assert samples.latency_ms().tolist() == [1000.0, 500.0, 500.0]
    assert samples.latency_ms("sent").tolist() == [500.0, 500.0, 500.0]
    assert samples.statuses() == {"OK": 1, "OTHER": 1, "UNAVAILABLE": 1}
    assert samples.versions() == {"4": 1}
    assert (len(recorder), recorder.ok) == (3, 1)
    assert recorder.samples(since=1).rows["number"].tolist() == [8, 9]


def test_bytes_hold_the_samples_and_parts_merge():
    samples = made([1.0, 2.0, 3.0])

    parts = [from_bytes(samples.rows[:1].tobytes()), from_bytes(samples.rows[1:].tobytes())]

    assert (merged(parts).rows == samples.rows).all()
    assert len(merged([])) == 0


def test_samples_are_chosen_by_time_and_target():
    samples = made([1.0] * 10, every_s=1.0, target=[0, 1] * 5)

    assert samples.between(3, 6).rows["number"].tolist() == [3, 4, 5]
    assert samples.of_target(1).rows["number"].tolist() == [1, 3, 5, 7, 9]


def test_a_csv_has_a_line_a_request_in_their_order(tmp_path):
    made([20.0, 5.0], intended_s=[1.0, 0.5], status=[OK, BAD_IMAGE], late_ms=1.0).write_csv(tmp_path / "samples.csv")

    assert (tmp_path / "samples.csv").read_text().splitlines() == [
        "number,intended_s,sent_s,ended_s,version,images,status,target,generator",
        "1,0.500000,0.501000,0.505000,1,1,BAD_IMAGE,0,0",
        "0,1.000000,1.001000,1.020000,1,1,OK,0,0",
    ]
