"""Definitions: the YAML document that says what to watch and who is told, read and judged as a whole."""
