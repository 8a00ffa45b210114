"""The daemon and the command."""
