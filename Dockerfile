# Every image of Meridian. `make images` builds them all; one of them:
#   docker build --target service --build-arg SERVICE=order --tag meridian/order:dev .
# Targets: service (of the named SERVICE), simulator, tools (one-shot jobs), authorizer (a function of AWS Lambda),
# emulator (SNS and SQS on one machine).

# The Python the tests run on, pinned by the digest of its multi-platform index.
ARG PYTHON_IMAGE=python:3.11.15-slim-trixie@sha256:db3ff2e1800a8581e2c48a27c3995339d47bdf046da21c7627accd3d51053a93

FROM ${PYTHON_IMAGE} AS packages
# Whichever version of strip the base's Debian has: it leaves nothing of itself in an image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /
# A third of what is installed is of no use here: the symbols of compiled modules, the descriptions of hundreds of AWS
# services (left are those we call, and those that give credentials), and stripe's bytecode, which payment alone loads.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement /requirements.lock \
    && find /opt/venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        -not -name sns -not -name sqs -not -name kms -not -name s3 -not -name sts -not -name 'sso*' \
        -not -name secretsmanager -not -name sesv2 -not -name appconfigdata -exec rm -r {} + \
    && find /opt/venv -path '*/site-packages/stripe/*.pyc' -delete \
    && find /opt/venv -name '*.so*' -exec strip --strip-unneeded {} +

# What all images share. The user is a number, so that Kubernetes can see that it is not root; the folders are where
# keys are mounted and data is kept, and a new volume takes their owner over.
FROM ${PYTHON_IMAGE} AS runtime
RUN install -d -o 10001 -g 10001 /etc/meridian/identity /etc/meridian/trust /var/lib/meridian
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /app
USER 10001:10001
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.vendor="Meridian" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"

FROM runtime AS runtime-with-packages
COPY --from=packages /opt/venv /opt/venv

# Compiled here, because nothing can be written where it runs; hashes, because copying changes times.
FROM ${PYTHON_IMAGE} AS service-source
ARG SERVICE
WORKDIR /app
COPY libs libs
COPY services/__init__.py services/__init__.py
COPY services/${SERVICE} services/${SERVICE}
COPY services/${SERVICE}/main.py main.py
RUN python -m compileall -q --invalidation-mode unchecked-hash .

FROM ${PYTHON_IMAGE} AS simulator-source
WORKDIR /app
COPY simulator simulator
RUN python -m compileall -q --invalidation-mode unchecked-hash .

FROM ${PYTHON_IMAGE} AS tools-source
WORKDIR /app
COPY libs libs
COPY services services
COPY local local
RUN python -m compileall -q --invalidation-mode unchecked-hash . \
    && install -d /keys/trust \
        /keys/auth /keys/user /keys/product /keys/cart /keys/order /keys/payment

FROM ${PYTHON_IMAGE} AS authorizer-source
WORKDIR /app
COPY libs libs
COPY edge/__init__.py edge/__init__.py
COPY edge/authorizer edge/authorizer
RUN python -m compileall -q --invalidation-mode unchecked-hash .

FROM runtime-with-packages AS service
COPY --from=service-source /app /app
ENV HOST=0.0.0.0 \
    PORT=8080
EXPOSE 8080
ENTRYPOINT ["python", "main.py"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=2); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meridian/${SERVICE}" \
      org.opencontainers.image.description="Meridian's ${SERVICE} service: api, worker, or both in one process" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime-with-packages AS simulator
COPY --from=simulator-source /app /app
ENV SIMULATOR_HOST=0.0.0.0 \
    SIMULATOR_PORT=8110 \
    SIMULATOR_DATA=/var/lib/meridian
EXPOSE 8110
ENTRYPOINT ["python", "-m", "simulator"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8110, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meridian/simulator" \
      org.opencontainers.image.description="The payment provider's stand-in, with a durable book and scripted outcomes" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Jobs that run to their end: they never listen, so they have no health to check.
FROM runtime-with-packages AS tools
COPY --from=tools-source /app /app
COPY --from=tools-source --chown=10001:10001 /keys /keys
ENTRYPOINT ["python", "-m"]
CMD ["libs.database", "--help"]
HEALTHCHECK NONE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meridian/tools" \
      org.opencontainers.image.description="Roles, migrations, topics and queues, the first catalogue and administrator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# AWS Lambda starts it, hands it requests one by one, and watches it: it listens nowhere.
FROM runtime-with-packages AS authorizer
COPY --from=authorizer-source /app /app
ENTRYPOINT ["python", "-m", "edge.authorizer"]
HEALTHCHECK NONE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meridian/authorizer" \
      org.opencontainers.image.description="Checks access tokens for AWS API Gateway (the edge's shape b)" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# MiniStack pins another botocore than ours, so it has a lock and an environment of its own.
FROM ${PYTHON_IMAGE} AS emulator-packages
COPY local/ministack.lock /
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement /ministack.lock

FROM runtime AS emulator
COPY --from=emulator-packages /opt/venv /opt/venv
ENV GATEWAY_PORT=8120 \
    BIND_HOST=0.0.0.0 \
    MINISTACK_HOST=127.0.0.1 \
    SERVICES=sns,sqs,sts,kms,s3,ses \
    PERSIST_STATE=1 \
    STATE_DIR=/var/lib/meridian \
    LOG_LEVEL=WARNING
EXPOSE 8120
ENTRYPOINT ["python", "-m", "ministack"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8120, timeout=2); c.request('GET', '/_ministack/health'); raise SystemExit(c.getresponse().status != 200)"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="meridian/emulator" \
      org.opencontainers.image.description="SNS, SQS, KMS and S3 for one machine, from the lock the tests use" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
