"""A child process of a worker: it runs handlers, one run at a time, and can be killed. See ``engine/processes``.

It starts in a fraction of a second and stays small because it imports the core and the handlers, and nothing of a
server: no Flask, no SQLAlchemy, no HTTP. A test watches over that.
"""
