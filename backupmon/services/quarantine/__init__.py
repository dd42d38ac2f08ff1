"""Quarantine: what lies there and why, and what an operator does with it."""

from backupmon.services.quarantine.acts import (
    Operator,
    accept_quarantined,
    at_work,
    delete_quarantined,
    delete_several,
)
from backupmon.services.quarantine.comparison import Comparison, compare_with_good, find_kept
from backupmon.services.quarantine.listing import (
    PAGE_SIZE,
    KeptPage,
    KeptSelection,
    count_quarantined,
    list_quarantined,
    load_chosen,
    load_kept,
    select_ids,
)
from backupmon.services.quarantine.obstacles import NotAcceptableError, Obstacle, obstacle_to
from backupmon.services.quarantine.past import PastAct, last_act_on

__all__ = [
    "PAGE_SIZE",
    "Comparison",
    "KeptPage",
    "KeptSelection",
    "NotAcceptableError",
    "Obstacle",
    "Operator",
    "PastAct",
    "accept_quarantined",
    "at_work",
    "compare_with_good",
    "count_quarantined",
    "delete_quarantined",
    "delete_several",
    "find_kept",
    "last_act_on",
    "list_quarantined",
    "load_chosen",
    "load_kept",
    "obstacle_to",
    "select_ids",
]
