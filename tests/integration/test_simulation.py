"""A few sites through three days of trouble: each incident is told once, in time, and no other."""

from __future__ import annotations

from pathlib import Path

from bench.simulate import simulate


def test_a_fleet_in_trouble_is_told_of_rightly(tmp_path: Path) -> None:
    counts = simulate(tmp_path / "data", days=3, sites=5, databases=3, seed=1)
    assert counts.is_good, str(counts)
    assert counts.incidents > 0
    assert counts.recoveries > 0
