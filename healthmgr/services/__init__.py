"""Use cases, in the order things happen: define, schedule, probe, evaluate, route, notify, escalate, respond, keep up."""
