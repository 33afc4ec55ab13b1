"""Versions on their way into production: `python -m ace_rollout --help`."""
