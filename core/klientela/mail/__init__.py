"""Messages to customers as mail: what is written (`letter.py`), and how it is handed over (`carrier.py`)."""

from __future__ import annotations

from klientela.mail.carrier import Handed, hand_over
from klientela.mail.letter import LANGUAGES, Outgoing, closing, compose

__all__ = ["LANGUAGES", "Handed", "Outgoing", "closing", "compose", "hand_over"]
