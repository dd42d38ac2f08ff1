"""What was typed into a form, and what is wrong with it, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flask import render_template, request

from backupmon.core.job_spec import FieldFault


@dataclass(slots=True)
class Typed:
    """A form as it is shown: with what was typed, and with errors beside the fields.

    Parameters
    ----------
    values:
        By the name of the field. Passwords are never shown again, and so should not be here.
    faults:
        The first of each field is shown, those of no field above all.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    faults: list[FieldFault] = field(default_factory=list)

    def value(self, name: str) -> str:
        """What stands in the field."""
        return self.values.get(name, "")

    def fault(self, name: str) -> FieldFault | None:
        """What is wrong with the field."""
        return next((fault for fault in self.faults if fault.field == name), None)

    def renamed(self, **names: str) -> Typed:
        """With the faults at fields of other names, such as ``name="username"``."""
        faults = [FieldFault(names.get(f.field, f.field), f.problem, f.hint) for f in self.faults]
        return Typed(self.values, faults)


def typed(names: Iterable[str], faults: Iterable[FieldFault] = ()) -> Typed:
    """What the request says in the fields `names`."""
    return Typed({name: request.form.get(name, "") for name in names}, list(faults))


def page_again(template: str, **values: object) -> tuple[str, int]:
    """The page with its form, since what was typed cannot be used."""
    return render_template(template, **values), 422
