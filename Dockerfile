# The service alone: no torch, no compiler, no root. Build: docker build -t fenbo .
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY model model
COPY service service
COPY eval eval
COPY training training
RUN python -m venv /opt/fenbo \
 && /opt/fenbo/bin/pip install --no-cache-dir --constraint constraints.txt ".[postgres]"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/fenbo fenbo
COPY --from=build /opt/fenbo /opt/fenbo
ENV PATH=/opt/fenbo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FENBO_HOST=0.0.0.0 \
    FENBO_DATA_DIR=/var/lib/fenbo/data \
    FENBO_REGISTRY=/var/lib/fenbo/bundles
USER 10001
WORKDIR /var/lib/fenbo
VOLUME ["/var/lib/fenbo"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('FENBO_PORT', '8000') + '/health/ready', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["fenbo"]
CMD ["serve"]
