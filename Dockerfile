# Three images from one file: `docker build --target dashboard .`, `--target worker`, and, without a target,
# enschedule:latest, which is either of the two. docs/containers.md says how they are used; tools/image.py builds and
# tries them without a daemon.
#
# Behind an index of your own: docker build --secret id=pip_conf,src=pip.conf .
ARG BASE_IMAGE=python:3.11-slim-bookworm

# --- What is installed, in an environment of its own that the images take over as it is ---
FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY packages packages
RUN --mount=type=cache,target=/var/cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    export PIP_CACHE_DIR=/var/cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1 \
    && python3 -m venv /opt/build \
    && /opt/build/bin/pip install --quiet 'hatchling>=1.27' \
    && /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels packages/*/ \
    && python3 -m venv /opt/enschedule \
    && /opt/enschedule/bin/pip install --quiet /wheels/*.whl 'enschedule-worker[postgres,mysql,mssql,oidc]' \
    && /opt/enschedule/bin/pip uninstall --quiet --yes setuptools \
    && /opt/enschedule/bin/pip check

# --- What all three share ---
FROM ${BASE_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Enschedule" \
    org.opencontainers.image.description="A self-hosted scheduler" \
    org.opencontainers.image.licenses="MIT"
# tini is process 1: it takes in the children that handlers leave behind, and hands signals on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 enschedule \
    && useradd --uid 10001 --gid 10001 --home-dir /enschedule/data --no-create-home --shell /usr/sbin/nologin enschedule \
    && install --directory --owner 10001 --group 10001 /enschedule /enschedule/data /enschedule/jobs
COPY --from=build /opt/enschedule /opt/enschedule
COPY --chmod=755 docker/start.sh /usr/local/bin/enschedule-start
COPY --chmod=755 docker/health.py /usr/local/bin/enschedule-health
ENV PATH=/opt/enschedule/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    HANDLERS_DIR=/enschedule/jobs \
    ENSCHEDULE_DATABASE_WAIT_SECONDS=30
# A file database lies here, and so in what is mounted here.
WORKDIR /enschedule/data
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini", "--", "enschedule-start"]

FROM runtime AS dashboard
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["enschedule-health", "dashboard"]
CMD ["dashboard"]

FROM runtime AS worker
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["enschedule-health", "worker"]
CMD ["worker"]

# With API_ENDPOINT=true a worker with its API on 8080, else a dashboard, with a worker of its own, on 3000.
FROM runtime AS enschedule
EXPOSE 3000 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["enschedule-health"]
