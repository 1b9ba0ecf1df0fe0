# syntax=docker/dockerfile:1

# What the program runs on: the C library, and nothing to log in with. Where gcr.io cannot be reached, name a mirror of it, or any Debian 12:
#   docker build --build-arg BASE=debian:bookworm-slim .
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

# OpenSSL and librdkafka are built from source: hence perl, make and a C/C++ compiler.
FROM rust:1.95-slim-bookworm AS builder
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc g++ make perl libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# Names of functions are a sixth of the program, and only backtraces need them. To look into a panic, with RUST_BACKTRACE=1:
# --build-arg STRIP=debuginfo
ARG STRIP=symbols
# The caches keep what was downloaded and compiled, so that after a change of ours only ours is compiled again. Cargo goes by the times of files, and
# those of a checkout may be older than what another checkout left in the cache: hence `touch`.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
    && CARGO_PROFILE_RELEASE_STRIP="$STRIP" cargo build --release --locked --bin wx-courier \
    && install -D target/release/wx-courier /image/wx-courier \
    && mkdir /image/data

# The same Debian as the builder, so that the C library fits. Time zones are inside the binary.
FROM ${BASE}
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=builder /image/wx-courier /usr/local/bin/wx-courier
# The one folder that is written to: the file of [state], and how far a `replay` came. It is the user's, and so is a new volume that is mounted there.
COPY --from=builder --chown=10001:10001 /image/data /data
VOLUME ["/data"]
# courier.toml, templates.toml and rules/ are mounted at /config. The default of [state] is `data/` beside that folder; commands by `docker exec` and
# `kubectl exec` find `config/`, and the `data/` of `replay`, here, so that they need no flags.
WORKDIR /
# SQLite looks for a folder when it sorts more than fits into memory, and the rest of the root may be read-only.
ENV SQLITE_TMPDIR=/data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["wx-courier", "--config", "/config"]
CMD ["run"]
