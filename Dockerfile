# Evenkeel as a container image: built on Debian with a C compiler, perl and make, run on Debian with nothing but
# certificates. Give it a volume at /data; everything else may be read-only.

FROM rust:1.95.0-slim-bookworm AS build
# OpenSSL, libpq and SQLite are built from the sources that their crates bring; no -dev package is needed.
RUN apt-get update \
    && apt-get install -y --no-install-recommends make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin evenkeel

FROM debian:bookworm-20260824-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 evenkeel \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin evenkeel \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data \
    && install --directory /etc/evenkeel
COPY --from=build /src/target/release/evenkeel /usr/local/bin/evenkeel
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/evenkeel/

# The bundled OpenSSL looks for certificates where it was built, not where Debian keeps them.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_DIR=/etc/ssl/certs \
    EVENKEEL_MODE=production \
    EVENKEEL_LISTEN=0.0.0.0:8080 \
    EVENKEEL_DATA_DIR=/data
# Where `evenkeel.toml` may be mounted.
WORKDIR /etc/evenkeel
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["evenkeel", "healthcheck"]
ENTRYPOINT ["evenkeel"]
CMD ["serve"]
