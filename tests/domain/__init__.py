"""Tests of the pure domain: tables of inputs and named decisions, no servers."""
