"""Acknowledgements: the outbox drained to Kafka."""
