"""What `stringx up` starts when nothing else is named: a Postgres and a Kafka broker of its own."""
