"""Schedules as files: read with positions, compared with the server, applied, exported."""
