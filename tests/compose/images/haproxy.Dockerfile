FROM debian:trixie-slim
RUN apt-get update && \
	apt-get install -y --no-install-recommends haproxy && \
	rm -rf /var/lib/apt/lists/*
USER haproxy
STOPSIGNAL SIGUSR1
