"""The rules, pure: no Flask, no SQL, no files, no clock. ``now`` is always an argument."""
