"""The collector: accepts touchpoints over HTTP. A 2xx answer means that Kafka has confirmed them."""
