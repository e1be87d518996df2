# RabbitMQ out of Debian's package, for where no registry is reached. The official image does as well (see compose.yaml).
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rabbitmq-server \
 && rm -rf /var/lib/apt/lists/*

COPY docker/rabbitmq-entry /usr/local/bin/rabbitmq-entry
RUN mkdir -p /etc/rabbitmq/conf.d && chown -R rabbitmq: /etc/rabbitmq /var/lib/rabbitmq
VOLUME /var/lib/rabbitmq
USER rabbitmq
EXPOSE 5672
HEALTHCHECK --interval=10s --timeout=20s --start-period=60s CMD ["/usr/lib/rabbitmq/bin/rabbitmqctl", "status"]
CMD ["/usr/local/bin/rabbitmq-entry"]
