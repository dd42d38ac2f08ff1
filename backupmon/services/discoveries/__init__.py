"""Discoveries: databases that agents report and no job expects. Commands and pages ask here."""

from backupmon.services.discoveries.adopting import Adopted, Chosen, adopt, adopt_chosen
from backupmon.services.discoveries.guessing import Guess, Guessed, guess_jobs
from backupmon.services.discoveries.ignoring import ignore_discoveries, restore_discovery
from backupmon.services.discoveries.listing import (
    PAGE_SIZE,
    DiscoveryPage,
    Wanted,
    chosen_discoveries,
    count_discoveries,
    discovery_dict,
    find_discovery,
    list_discoveries,
    load_discoveries,
)

__all__ = [
    "PAGE_SIZE",
    "Adopted",
    "Chosen",
    "DiscoveryPage",
    "Guess",
    "Guessed",
    "Wanted",
    "adopt",
    "adopt_chosen",
    "chosen_discoveries",
    "count_discoveries",
    "discovery_dict",
    "find_discovery",
    "guess_jobs",
    "ignore_discoveries",
    "list_discoveries",
    "load_discoveries",
    "restore_discovery",
]
