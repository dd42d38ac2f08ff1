"""Who delivers in the demonstration: six companies, twelve sites, sixty databases."""

from __future__ import annotations

from backupmon.services.demo.site import Company, Database, Engine, Hours, Site, Times

#: Rows of a database at first; a row takes some 35 bytes once it is compressed.
TINY, SMALL, MEDIUM, LARGE, HUGE = 120, 1_200, 10_000, 40_000, 160_000


def _archive(name: str, rows: int, engine: Engine) -> Database:
    """Closed books: not a byte may change, so it needs an engine that dates no dump."""
    return Database(name, rows, engine, growth=0, policy="must_not_change")


def _postgresql(name: str, rows: int) -> Database:
    return Database(name, rows, Engine.POSTGRESQL)


def _sqlite(name: str, rows: int) -> Database:
    return Database(name, rows, Engine.SQLITE, packing="xz")


def _twice(name: str, rows: int) -> Database:
    return Database(name, rows, hours=Hours.TWICE)


def _weekly(name: str, rows: int) -> Database:
    return Database(name, rows, hours=Hours.WEEKLY, growth=0.05)


_NGONO = Company("Établissements Ngono", "Africa/Douala", "dsi@ngono.example")
_THERESE = Company("Clinique Sainte-Thérèse", "Africa/Douala", "it@ste-therese.example")
_LUMIERE = Company("Pharmacies Lumière", "Europe/Paris", "exploitation@lumiere.example")
_ETANGS = Company("Brasserie des Trois Étangs", "Europe/Brussels", "it@trois-etangs.example")
_TERANGA = Company("Téranga Logistique", "Africa/Dakar", "astreinte@teranga.example")
_KARUKERA = Company("Karukera Voyages", "America/Guadeloupe", "support@karukera.example")

_NGONO_SITES = (
    Site(
        "ngono_douala_akwa",
        _NGONO,
        "Douala",
        "Akwa",
        "22:30",
        (
            Database("ngono_ventes", LARGE, growth=0.03),
            Database("ngono_compta", MEDIUM),
            _twice("ngono_stock", SMALL),
            Database("ngono_paie", SMALL),
            Database("ngono_crm", TINY),
            _archive("ngono_archives_2019", MEDIUM, Engine.POSTGRESQL),
        ),
    ),
    Site(
        "ngono_yaounde_bastos",
        _NGONO,
        "Yaoundé",
        "Bastos",
        "23:15",
        (
            Database("ngono_yde_ventes", MEDIUM),
            _twice("ngono_yde_stock", SMALL),
            Database("ngono_yde_caisse", SMALL),
            Database("ngono_yde_rh", TINY),
            _weekly("ngono_yde_documents", MEDIUM),
        ),
        dialect="B",
        times=Times.LOCAL,
        upper_case=True,
    ),
    Site(
        "ngono_bafoussam_marche_a",
        _NGONO,
        "Bafoussam",
        "Marché A",
        "01:00",
        (
            Database("ngono_baf_ventes", MEDIUM),
            Database("ngono_baf_stock", SMALL),
            Database("ngono_baf_caisse", SMALL),
            Database("ngono_baf_clients", TINY),
            _sqlite("ngono_baf_livraisons", TINY),
        ),
    ),
)

_THERESE_SITES = (
    Site(
        "ste_therese_bonanjo",
        _THERESE,
        "Douala",
        "Bonanjo",
        "02:15",
        (
            _postgresql("patients", HUGE),
            _postgresql("laboratoire", LARGE),
            _postgresql("rendez_vous", SMALL),
            _twice("pharmacie", SMALL),
            _postgresql("facturation", MEDIUM),
            _archive("dossiers_2015_2020", SMALL, Engine.SQLITE),
        ),
        staging="database",
    ),
    Site(
        "ste_therese_kribi",
        _THERESE,
        "Kribi",
        "Centre-ville",
        "00:30",
        (
            _postgresql("patients", MEDIUM),
            _postgresql("rendez_vous", TINY),
            Database("pharmacie", TINY),
            _postgresql("facturation", SMALL),
        ),
        dialect="B",
        staging="database",
    ),
)

_LUMIERE_SITES = (
    Site(
        "lumiere_paris_belleville",
        _LUMIERE,
        "Paris",
        "Belleville",
        "02:30",
        (
            Database("officine", LARGE),
            _twice("commandes", MEDIUM),
            Database("fidelite", SMALL),
            Database("boutique_web", MEDIUM, mode="copy"),
            Database("compta", SMALL),
            _weekly("statistiques", MEDIUM),
        ),
        times=Times.LOCAL,
        upper_case=True,
    ),
    Site(
        "lumiere_lyon_croix_rousse",
        _LUMIERE,
        "Lyon",
        "Croix-Rousse",
        "03:00",
        (
            Database("officine", MEDIUM),
            Database("commandes", SMALL),
            Database("fidelite", TINY),
            Database("planning", TINY),
            Database("ancien_intranet", SMALL),
        ),
        dialect="B",
        times=Times.LOCAL,
        path_prefix="C:\\sauvegardes\\sortie\\",
    ),
)

_ETANGS_SITES = (
    Site(
        "etangs_bruxelles_ixelles",
        _ETANGS,
        "Bruxelles",
        "Ixelles",
        "23:45",
        (
            Database("brassage", SMALL),
            Database("ventes", MEDIUM),
            Database("clients", SMALL),
            _sqlite("capteurs_cuves", SMALL),
            Database("comptabilite", SMALL),
        ),
    ),
    Site(
        "etangs_liege_outremeuse",
        _ETANGS,
        "Liège",
        "Outremeuse",
        "00:15",
        (
            Database("depot", SMALL),
            Database("tournees", TINY),
            Database("caisse", TINY),
            Database("consignes", TINY),
        ),
        dialect="B",
    ),
)

_TERANGA_SITES = (
    Site(
        "teranga_dakar_plateau",
        _TERANGA,
        "Dakar",
        "Plateau",
        "01:30",
        (
            _postgresql("flotte", LARGE),
            _postgresql("positions_gps", HUGE // 2),
            _twice("expeditions", MEDIUM),
            Database("douane", SMALL),
            Database("paie", TINY),
            _archive("manifestes_2021", TINY, Engine.SQLITE),
        ),
        log="logs",
        upper_case=True,
    ),
    Site(
        "teranga_saint_louis_sor",
        _TERANGA,
        "Saint-Louis",
        "Sor",
        "02:00",
        (
            Database("expeditions", SMALL),
            Database("entrepot", SMALL),
            Database("pesage", TINY),
        ),
        dialect="B",
    ),
)

_KARUKERA_SITES = (
    Site(
        "karukera_bergevin",
        _KARUKERA,
        "Pointe-à-Pitre",
        "Bergevin",
        "21:30",
        (
            Database("reservations", MEDIUM),
            Database("vols", SMALL),
            Database("hotels", SMALL),
            Database("blog", TINY),
        ),
        times=Times.NAIVE,
    ),
)

SITES: tuple[Site, ...] = (
    *_NGONO_SITES,
    *_THERESE_SITES,
    *_LUMIERE_SITES,
    *_ETANGS_SITES,
    *_TERANGA_SITES,
    *_KARUKERA_SITES,
)

#: Added just now: nothing is known of it yet.
NEWCOMER = (_KARUKERA_SITES[0], Database("comptabilite", SMALL))
#: Paused: this database has been switched off for good.
PAUSED = ("lumiere_lyon_croix_rousse", "ancien_intranet")
#: The job whose history is worth a look.
FLAKY = ("ngono_bafoussam_marche_a", "ngono_baf_ventes")
