"""What a runbook can do: one file, one kind of step."""
