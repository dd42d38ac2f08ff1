"""What goes wrong, where, and on which nights: one of every kind in the last one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Trouble(StrEnum):
    """What an agent, its line or its schedule does wrong."""

    #: Of a whole run.
    SILENT = "the site sends nothing"
    LATE = "the run ends after the deadline"
    HALF_REPORT = "the report breaks off"
    STRANGER = "the report names a database that no job expects"
    #: Of one database.
    UNNAMED = "the report does not name it"
    DUMP_FAILED = "the dump fails"
    TRANSFER_FAILED = "the transfer fails, and the agent knows it"
    CUT_SHORT = "the file arrives short"
    DAMAGED = "the file arrives damaged, in its full size"
    ABSENT = "the file does not arrive"
    LINKED = "a link lies where the file should be"
    UNCHANGED = "the dump of the night before is sent again"
    TOUCHED = "an archive has changed"
    SHRUNK = "most of the rows are gone"
    RERUN = "a second run replaces the file before the first is judged"


#: From this night on its paused database is sent no more.
PAUSED_SINCE = 4

_LAST = (0,)

#: Agent, database (None for the whole run), trouble, and the nights, counted back from the last.
_PLAN: tuple[tuple[str, str | None, Trouble, Iterable[int]], ...] = (
    ("teranga_saint_louis_sor", None, Trouble.SILENT, _LAST),
    ("etangs_liege_outremeuse", None, Trouble.HALF_REPORT, _LAST),
    ("ste_therese_kribi", None, Trouble.LATE, _LAST),
    ("karukera_bergevin", None, Trouble.STRANGER, _LAST),
    ("ngono_yaounde_bastos", "ngono_yde_rh", Trouble.UNNAMED, _LAST),
    ("ngono_yaounde_bastos", "ngono_yde_caisse", Trouble.DUMP_FAILED, _LAST),
    ("lumiere_lyon_croix_rousse", "commandes", Trouble.TRANSFER_FAILED, _LAST),
    ("ngono_bafoussam_marche_a", "ngono_baf_ventes", Trouble.CUT_SHORT, _LAST),
    ("lumiere_paris_belleville", "boutique_web", Trouble.DAMAGED, _LAST),
    ("etangs_bruxelles_ixelles", "brassage", Trouble.ABSENT, _LAST),
    ("karukera_bergevin", "blog", Trouble.LINKED, _LAST),
    ("ngono_douala_akwa", "ngono_crm", Trouble.UNCHANGED, _LAST),
    ("teranga_dakar_plateau", "manifestes_2021", Trouble.TOUCHED, _LAST),
    ("etangs_bruxelles_ixelles", "ventes", Trouble.SHRUNK, _LAST),
    ("ngono_douala_akwa", "ngono_paie", Trouble.RERUN, _LAST),
    # What the history tells: a site that was cut off, one whose line is bad, and odd nights.
    ("ste_therese_kribi", None, Trouble.SILENT, (13, 14, 15)),
    ("ste_therese_kribi", None, Trouble.LATE, (2, 6)),
    ("ngono_bafoussam_marche_a", "ngono_baf_ventes", Trouble.CUT_SHORT, (2, 9, 17)),
    ("ngono_bafoussam_marche_a", "ngono_baf_ventes", Trouble.TRANSFER_FAILED, (5, 6, 12)),
    ("ngono_bafoussam_marche_a", "ngono_baf_ventes", Trouble.ABSENT, (15,)),
    ("ngono_bafoussam_marche_a", "ngono_baf_stock", Trouble.TRANSFER_FAILED, (5, 12)),
    ("ngono_bafoussam_marche_a", "ngono_baf_caisse", Trouble.DAMAGED, (9,)),
    ("lumiere_paris_belleville", "officine", Trouble.DUMP_FAILED, (8,)),
    ("lumiere_paris_belleville", "compta", Trouble.UNCHANGED, (10, 11)),
    ("teranga_dakar_plateau", "douane", Trouble.UNNAMED, (7,)),
    ("etangs_liege_outremeuse", None, Trouble.HALF_REPORT, (18,)),
    ("ngono_yaounde_bastos", "ngono_yde_ventes", Trouble.SHRUNK, (16,)),
    ("lumiere_lyon_croix_rousse", "ancien_intranet", Trouble.UNNAMED, range(PAUSED_SINCE + 1)),
)

_BY_NIGHT = {
    (agent, database, night): trouble
    for agent, database, trouble, nights in _PLAN
    for night in nights
}


def trouble_of(agent: str, database: str | None, night: int) -> Trouble | None:
    """What goes wrong with a database, or (None) with the whole run, that night.

    Parameters
    ----------
    night:
        Counted back from the last one, which is 0.
    """
    return _BY_NIGHT.get((agent, database, night))
