FROM debian:trixie-slim
RUN apt-get update && \
	apt-get install -y --no-install-recommends prometheus && \
	rm -rf /var/lib/apt/lists/* && \
	mkdir -p /prometheus && chown nobody /prometheus
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
