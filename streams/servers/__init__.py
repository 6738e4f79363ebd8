"""Real Kafka and Redis as child processes, for the demo, the tests and developers' machines."""

from streams.servers.kafka import KafkaServer
from streams.servers.redis import RedisServer
from streams.servers.servers import Servers

__all__ = ["KafkaServer", "RedisServer", "Servers"]
