"""The loop that fires, claims, executes and finishes runs."""
