"""What the integration tests share: a gateway as a process, clients, HTTP, metrics."""
