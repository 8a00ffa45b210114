"""The demo: pretend shops and a file of people who never lived, synced for real.

house.py     the sandbox shops, the folder, the configuration
till.py      a system that pushes what it knows over HTTP
people.py    the CSV file: some of the shops' customers in other spellings, households, odd cases
"""

from __future__ import annotations
