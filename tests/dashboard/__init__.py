"""Tests of what the dashboard is drawn with, without a browser."""
