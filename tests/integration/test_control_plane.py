"""A slice of tests/bench/control-plane: workers that mirror nothing, but are workers in all else."""

import json
import pathlib

from local_cluster import BUILD, Process

BENCH = pathlib.Path(__file__).resolve().parent.parent / "bench"


def test_lanes_of_lost_workers_are_taken_over_in_one_go(run_directory, tmp_path):
    run = Process("control-plane", run_directory / "control-plane").spawn(
        [BENCH / "control-plane", "--partitions", 2000, "--lanes", 64, "--workers", 30, "--routes", 2, "--seconds", 1,
         "--build-dir", BUILD, "--json", tmp_path / "figures.json"])
    try:
        assert run.wait(120) == 0, run.tail(80)
    finally:
        run.end()
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    # Lanes of three workers, all in steps of one moment; nobody else's lane moves.
    assert figures["lost_many"]["killed"] == 3
    assert 4 <= figures["lost_many"]["lanes_moved"] <= 12
    assert figures["lost_many"]["writes_ms"] < 2000
