"""Believable SQL, as three engines dump it: made-up names, references, amounts and days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from backupmon.services.demo.site import Engine

#: The table of a database, by a word in its name.
_TABLES = {
    "archives": "pieces",
    "caisse": "tickets",
    "capteurs": "mesures",
    "client": "clients",
    "commandes": "lignes_commande",
    "compta": "ecritures",
    "dossiers": "dossiers",
    "expeditions": "colis",
    "factur": "factures",
    "flotte": "trajets",
    "hotels": "nuitees",
    "laboratoire": "analyses",
    "patients": "consultations",
    "positions": "positions",
    "reservations": "reservations",
    "rendez": "rendez_vous",
    "stock": "mouvements",
    "ventes": "ventes",
}
_FIRST = (
    *("Aïssatou", "Amélie", "Benoît", "Célestine", "Chloé", "Désiré", "Élodie", "Fatou"),
    *("François", "Gaëlle", "Hélène", "Ibrahima", "Joël", "Koffi", "Léonie", "Mamadou"),
    *("Noémie", "Ousmane", "Pélagie", "Régine", "Solène", "Théophile", "Véronique", "Zoé"),
)
_LAST = (
    *("Abena", "Bâ", "Célarié", "Delacroix", "Diop", "Eyanga", "Fotso", "Guéye", "Hübner"),
    *("Joséphine", "Kamga", "Lefèbvre", "Maës", "Mbarga", "Ndiaye", "Ngo Bassa", "Owona"),
    *("Péralta", "Sène", "Tchoupo", "Vandenberghe", "Wouters", "Yondo", "Zébazé"),
)
_NAMES = tuple(f"{first} {last}" for first in _FIRST for last in _LAST)
_DAYS = tuple((date(2019, 1, 2) + timedelta(days=n)).isoformat() for n in range(1500))
#: Rows of one INSERT.
_TOGETHER = 500

_HEADERS = {
    Engine.MARIADB: """\
-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: {database}
-- ------------------------------------------------------

/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `{table}`;
CREATE TABLE `{table}` (
  `id` int(11) NOT NULL,
  `nom` varchar(80) NOT NULL,
  `reference` char(32) NOT NULL,
  `montant` decimal(12,2) NOT NULL,
  `le` date NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
""",
    Engine.POSTGRESQL: """\
--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
CREATE TABLE public.{table} (
    id integer PRIMARY KEY,
    nom text NOT NULL,
    reference text NOT NULL,
    montant numeric(12,2) NOT NULL,
    le date NOT NULL
);

COPY public.{table} (id, nom, reference, montant, le) FROM stdin;
""",
    Engine.SQLITE: """\
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE {table} (id INTEGER PRIMARY KEY, nom TEXT, reference TEXT, montant REAL, le TEXT);
""",
}
_FOOTERS = {
    Engine.MARIADB: "\n-- Dump completed on {moment:%Y-%m-%d %H:%M:%S}\n",
    Engine.POSTGRESQL: "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n",
    Engine.SQLITE: "COMMIT;\n",
}


@dataclass(frozen=True, slots=True)
class Script:
    """The SQL of one database, piece by piece: a header, rows as often as wanted, a footer."""

    engine: Engine
    database: str

    @property
    def table(self) -> str:
        """Its one table."""
        return next((t for word, t in _TABLES.items() if word in self.database), "lignes")

    def header(self) -> str:
        """Everything before the rows."""
        return _HEADERS[self.engine].format(database=self.database, table=self.table)

    def footer(self, moment: datetime) -> str:
        """Everything after the rows; MariaDB writes when it was done, local time."""
        return _FOOTERS[self.engine].format(moment=moment)

    def rows(self, random: Random, first_id: int, count: int) -> str:
        """`count` more rows, numbered from `first_id`."""
        values = _values(random, first_id, count)
        if self.engine is Engine.POSTGRESQL:
            return "".join(f"{i}\t{n}\t{r}\t{a}\t{d}\n" for i, n, r, a, d in values)
        rows = [f"({i},'{n}','{r}',{a},'{d}')" for i, n, r, a, d in values]
        if self.engine is Engine.SQLITE:
            return "".join(f"INSERT INTO {self.table} VALUES{row};\n" for row in rows)
        return "".join(
            f"INSERT INTO `{self.table}` VALUES\n" + ",\n".join(rows[i : i + _TOGETHER]) + ";\n"
            for i in range(0, count, _TOGETHER)
        )


def _values(random: Random, first_id: int, count: int) -> Iterator[tuple[int, str, str, str, str]]:
    references = random.randbytes(16 * count).hex()
    return zip(
        range(first_id, first_id + count),
        random.choices(_NAMES, k=count),
        (references[i : i + 32] for i in range(0, 32 * count, 32)),
        (f"{cents / 100:.2f}" for cents in random.choices(range(100, 900_000), k=count)),
        random.choices(_DAYS, k=count),
        strict=True,
    )
