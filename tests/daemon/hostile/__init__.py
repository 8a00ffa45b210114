"""Plugins that misbehave in every way anybody thought of, for tests/daemon/test_hostile.py."""
