"""What the page of one job tells. Its views ask here, and nowhere else."""

from backupmon.services.job_story.history import HistoryPage, find_entry, load_history
from backupmon.services.job_story.measures import Measure
from backupmon.services.job_story.story import JobStory, load_story

__all__ = [
    "HistoryPage",
    "JobStory",
    "Measure",
    "find_entry",
    "load_history",
    "load_story",
]
