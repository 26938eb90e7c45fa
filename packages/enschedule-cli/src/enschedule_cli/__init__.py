"""The enschedule command."""
