# The image of every StringX process: `docker run stringx <verb>`. docs/how-to/publish-image.md says how to tag and publish it.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
# Two environments: one that builds, with pip in it, and the one that is shipped, without.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/stringx
COPY requirements-build.lock requirements.lock ./
# Wheels alone: nothing is compiled, so neither stage has a compiler.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/build/bin/pip install --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-build.lock \
 && /opt/build/bin/pip --python /opt/stringx/bin/python install --disable-pip-version-check --require-hashes --only-binary :all: \
      -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api api
RUN /opt/build/bin/pip wheel --disable-pip-version-check --no-build-isolation --no-deps --no-index --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/stringx/bin/python install --disable-pip-version-check --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="StringX" \
      org.opencontainers.image.description="An event-driven data-quality gate on dbt" \
      org.opencontainers.image.licenses="Apache-2.0"
# A volume that is mounted on STRINGX_HOME takes its owner from the folder in the image.
RUN groupadd --gid 10001 stringx \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/stringx --shell /usr/sbin/nologin stringx \
 && install --directory --owner stringx --group stringx /var/lib/stringx
COPY --from=build /opt/stringx /opt/stringx
COPY dbt_project /app/dbt_project
COPY configs /app/configs
WORKDIR /app
# The root file system may be read-only: what is written goes to STRINGX_HOME and /tmp.
ENV PATH=/opt/stringx/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STRINGX_HOME=/var/lib/stringx \
    STRINGX_DBT_PROJECT_DIR=/app/dbt_project \
    STRINGX_GATES_DIR=/app/configs/gates \
    STRINGX_API_HOST=0.0.0.0 \
    STRINGX_RUNNER_HOST=0.0.0.0 \
    STRINGX_DOCS_HOST=0.0.0.0
USER 10001:10001
ENTRYPOINT ["stringx"]
