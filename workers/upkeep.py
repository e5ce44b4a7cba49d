"""Queue upkeep: the auditor, the synthetic notification, rollups, old tables and mutes, calendars, the look ahead."""

from __future__ import annotations

from datetime import timedelta

from workers.app import app
from workers.base import ServiceTask
from workers.outbound_heartbeat import ping

CHANGES_KEPT_FOR = timedelta(days=90)


@app.task(name="healthmgr.upkeep.audit", bind=True)
def audit(self: ServiceTask) -> None:
    """Look for overdue work; the outbound heartbeat is pinged only while there is none."""
    if not self.healthmgr.upkeep.audit(self.now):
        ping(self.healthmgr.settings.outbound_heartbeat_url)


@app.task(name="healthmgr.upkeep.synthesize", bind=True)
def synthesize(self: ServiceTask) -> None:
    """Begin or conclude a synthetic notification, when it is time."""
    dues = self.healthmgr.synthesizing.step(self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.upkeep.keep_partitions", bind=True)
def keep_partitions(self: ServiceTask) -> None:
    """Make the coming days' tables and drop those beyond the retention, of results and of their rollups."""
    self.healthmgr.upkeep.keep_partitions(self.now, self.healthmgr.settings.retention)
    self.healthmgr.measuring.rolling.keep_tables(self.now)


@app.task(name="healthmgr.upkeep.roll_up", bind=True)
def roll_up(self: ServiceTask) -> None:
    """Roll up what results measured since the last time, beside everything else: there may be much of it."""
    healthmgr = self.healthmgr
    self.process.aside.run("rollups", lambda: healthmgr.measuring.rolling.roll(healthmgr.now()))


@app.task(name="healthmgr.upkeep.uphold", bind=True)
def uphold(self: ServiceTask) -> None:
    """Judge service levels, and tell of those whose error budget is used up too fast."""
    dues = self.healthmgr.measuring.upholding.uphold(self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.upkeep.review_promises", bind=True)
def review_promises(self: ServiceTask) -> None:
    """Judge what healthmgr promises of itself, and tell of what is not kept."""
    dues = self.healthmgr.promising.review(self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.upkeep.forget_runs", bind=True)
def forget_runs(self: ServiceTask) -> None:
    """Remove runs of runbooks that are over for longer than they are kept, beside everything else."""
    healthmgr = self.healthmgr
    self.process.aside.run("old runs", lambda: healthmgr.recovery.forgetting.forget_runs(healthmgr.now()))


@app.task(name="healthmgr.upkeep.forget_silences", bind=True)
def forget_silences(self: ServiceTask) -> None:
    """Remove silences that have been over for days."""
    self.healthmgr.silencing.forget_expired(self.now)


@app.task(name="healthmgr.upkeep.forget_sessions", bind=True)
def forget_sessions(self: ServiceTask) -> None:
    """Remove what is left of browsers that are signed in no more."""
    self.healthmgr.sessions.tidy(self.now)


@app.task(name="healthmgr.upkeep.forget_answers", bind=True)
def forget_answers(self: ServiceTask) -> None:
    """Remove what was answered to requests a day ago, which may come again no more."""
    self.healthmgr.repeating.forget(self.now)


@app.task(name="healthmgr.upkeep.forget_maintenance", bind=True)
def forget_maintenance(self: ServiceTask) -> None:
    """Remove maintenance windows of people that have been over for days."""
    self.healthmgr.maintaining.forget_over(self.now)


@app.task(name="healthmgr.upkeep.read_calendars", bind=True)
def read_calendars(self: ServiceTask) -> None:
    """Read the calendars of schedules whose turn it is, beside everything else: their servers may be slow."""
    healthmgr = self.healthmgr
    self.process.aside.run("calendars", lambda: healthmgr.oncall.feeding.refresh(healthmgr.now))


@app.task(name="healthmgr.upkeep.look_ahead", bind=True)
def look_ahead(self: ServiceTask) -> None:
    """Tell of gaps, double bookings and unreadable calendars of the coming two weeks, and of swaps that wait."""
    self.healthmgr.oncall.rostering.tell_of_waiting(self.now)
    dues = self.healthmgr.oncall.foreseeing.look_ahead(self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.upkeep.predict", bind=True)
def predict(self: ServiceTask) -> None:
    """Carry metrics forward to their limits, those whose turn it is."""
    healthmgr = self.healthmgr
    self.process.aside.run("forecasts", lambda: healthmgr.insight.predicting.look_ahead(healthmgr.now()))


@app.task(name="healthmgr.upkeep.sense", bind=True)
def sense(self: ServiceTask) -> None:
    """Look whether watched metrics are unlike their past, those whose turn it is."""
    healthmgr = self.healthmgr
    self.process.aside.run("anomalies", lambda: healthmgr.insight.sensing.look(healthmgr.now()))


@app.task(name="healthmgr.upkeep.trace", bind=True)
def trace(self: ServiceTask) -> None:
    """Look for the causes of the incidents that have just begun."""
    healthmgr = self.healthmgr
    self.process.aside.run("causes", lambda: healthmgr.insight.tracing.trace(healthmgr.now()))


@app.task(name="healthmgr.upkeep.learn_dependencies", bind=True)
def learn_dependencies(self: ServiceTask) -> None:
    """Learn what may hang on what from the failures of the last weeks."""
    healthmgr = self.healthmgr
    self.process.aside.run("dependencies", lambda: healthmgr.insight.charting.learn(healthmgr.now()))


@app.task(name="healthmgr.upkeep.forget_changes", bind=True)
def forget_changes(self: ServiceTask) -> None:
    """Remove changes that were made long ago."""
    self.healthmgr.insight.changing.forget(self.now - CHANGES_KEPT_FOR)
