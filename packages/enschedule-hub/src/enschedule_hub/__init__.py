"""Enschedule in one piece: the Python API that puts the parts together, and `enschedule up`."""
