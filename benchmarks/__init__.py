"""The measurements of docs/benchmarks.md: Enschedule, its peers and the floor, back to back on one machine.

`nox -s benchmarks` makes the environments with the peers in them and runs `python -m benchmarks` there.

What is measured stands in `measures`, who is measured in `registry` (`ours`, `peers`): one row for each competitor and
measure, with one module under `competitors/` for each competitor. What is to be reached stands in `aims`. Every sample
is taken by a fresh process (`child`), in interleaved rounds (`rounds`), with databases of its own (`resources`), and
only figures of the same round are compared (`report`).
"""
