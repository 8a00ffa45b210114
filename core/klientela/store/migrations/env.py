"""Placeholder environment: klientela runs its steps itself (migrations/__init__.py)."""
