"""The page: the list, the profiles and everything people see and do in a browser."""

from __future__ import annotations

from klientela_web.app import application
from klientela_web.house import House

__all__ = ["House", "application"]
