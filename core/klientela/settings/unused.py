"""Says which settings of a configuration are understood but have no effect yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from klientela.source import UNUSED


def unused(settings: BaseModel, table: str = "") -> Iterator[str]:
    """One sentence for each table that sets such keys to anything but their defaults."""
    idle = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if field.json_schema_extra == UNUSED:
            if value != field.get_default(call_default_factory=True):
                idle.append(name)
        elif isinstance(value, BaseModel):
            yield from unused(value, f"{table}{name}.")
        elif isinstance(value, Mapping):
            for key, one in value.items():
                if isinstance(one, BaseModel):
                    yield from unused(one, f"{table}{name}.{key}.")
    if idle:
        names, are = (idle[0], "is") if len(idle) == 1 else (f"{', '.join(idle[:-1])} and {idle[-1]}", "are")
        yield f"{names} of [{table.rstrip('.')}] {are} not used by this version of klientela"


__all__ = ["unused"]
