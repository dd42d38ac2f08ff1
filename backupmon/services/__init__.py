"""The use cases: functions named by verbs, one file per step of a backup's life."""
