# Two images from one build: `opus2` (simulated venue, ingest) and `opus2-flink` (the job on the official Flink image).
# Debian 11 for building: its C library is older than that of every image the result runs in.

FROM rust:1.90-bullseye AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gradle openjdk-17-jdk-headless \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN scripts/build

FROM debian:bullseye-slim AS opus2
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system opus2
COPY --from=build /src/target/release/opus2 /usr/local/bin/opus2
USER opus2
ENTRYPOINT ["opus2"]

FROM flink:2.2.1-scala_2.12-java17 AS opus2-flink
COPY --from=build /src/flink-job/build/libs/opus2-flink-job.jar /opt/flink/usrlib/opus2-flink-job.jar
COPY --from=build /src/config/hifa.toml /opt/flink/opus2/hifa.toml
COPY --from=build /src/config/model.json /opt/flink/opus2/model.json
COPY --from=build /src/config/validation_rules.yaml /opt/flink/opus2/validation_rules.yaml
# A volume mounted here begins with this owner.
RUN mkdir /state && chown flink:flink /state
