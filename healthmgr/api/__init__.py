"""The REST API, the ping door, health endpoints and the plain page."""
