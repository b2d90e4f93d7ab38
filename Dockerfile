# Two stages with one Python: what builds stays behind, and the image has no shell, no package manager and no compiler.
# A release names the bases by digest (.github/workflows/release.yaml), so that it can be built again.
ARG BUILD_BASE=docker.io/library/debian:12-slim
ARG RUN_BASE=gcr.io/distroless/python3-debian12:nonroot

FROM ${BUILD_BASE} AS build
# The release of the base is the pin: its archive keeps no older versions.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY requirements/runtime.txt requirements/build.txt requirements/
# The tools that build have an environment of their own; only /opt/gpuwright is copied on. Modules are compiled here,
# because the image's files cannot be written at run time.
RUN python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python3 -m venv --without-pip /opt/gpuwright \
 && /opt/tools/bin/pip --python /opt/gpuwright/bin/python install \
    --no-cache-dir --only-binary :all: --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/tools/bin/pip --python /opt/gpuwright/bin/python install --no-cache-dir --no-deps /tmp/wheel/*.whl

FROM ${RUN_BASE}
LABEL org.opencontainers.image.title="gpuwright" \
      org.opencontainers.image.description="One ComputeInstance, exactly one GPU machine, and nothing left that bills" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gpuwright /opt/gpuwright
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that the kubelet can see that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["/opt/gpuwright/bin/gpuwright"]
