"""Use cases, in the order things happen: defining, scheduling, probing, evaluating, routing, notifying, escalating, responding, upkeep."""
