# syntax=docker/dockerfile:1

# OpenSSL and librdkafka are built from source: hence perl, make and a C/C++ compiler.
FROM rust:1.95-slim-bookworm AS builder
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ make perl libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin wx-courier

# The same Debian as the builder, so that the C library fits. Time zones are inside the binary.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin courier
COPY --from=builder /build/target/release/wx-courier /usr/local/bin/wx-courier
USER 10001
# courier.toml, templates.toml and rules/ are mounted here.
VOLUME ["/config"]
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["wx-courier", "--config", "/config"]
CMD ["run"]
