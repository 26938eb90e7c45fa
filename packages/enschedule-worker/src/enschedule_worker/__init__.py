"""The worker of Enschedule: the database, the engine that runs handlers, and the REST API."""
