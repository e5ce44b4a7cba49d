"""The doors: what others already run can bring its alerts, and be used, as if this were what it knows."""
