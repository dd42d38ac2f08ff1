"""The figures of ``docs/performance.md``: a benchmark to run, not a timed test."""
