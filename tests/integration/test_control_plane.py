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
        # 1: a target was missed.  They are those of a machine that has nothing else to do.
        assert run.wait(300) in (0, 1), run.tail(80)
    finally:
        run.end()
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert "leader_peak_mib" in figures, f"it did not come to its end\n{run.tail(80)}"
    # Lanes of three workers, all in steps of one moment; nobody else's lane moves.
    assert figures["lost_many"]["killed"] == 3
    assert 4 <= figures["lost_many"]["lanes_moved"] <= 12
    assert figures["lost_many"]["takeover_ms"] < 9000
