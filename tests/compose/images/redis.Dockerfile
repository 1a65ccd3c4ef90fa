FROM debian:trixie-slim
RUN apt-get update && \
	apt-get install -y --no-install-recommends redis-server && \
	rm -rf /var/lib/apt/lists/*
WORKDIR /data
USER redis
