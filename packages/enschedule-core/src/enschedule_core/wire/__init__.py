"""The shapes of what travels between worker, client and dashboard."""
