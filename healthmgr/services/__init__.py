"""Use cases, in the order things happen: from defining and scheduling to responding and upkeep."""
