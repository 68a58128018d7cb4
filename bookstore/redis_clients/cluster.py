"""A client of all nodes of a cluster, for commands whose keys are in one slot each."""

import threading
from collections.abc import Callable
from typing import Any

import redis
from redis._parsers import Encoder
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.commands import RedisClusterCommands
from redis.event import EventDispatcher
from redis.exceptions import ClusterError, RedisClusterException, TryAgainError
from redis.retry import Retry

from bookstore.config.redis_url import RedisPlace


class ClusterClient(RedisClusterCommands):
    """redis-py's client of a cluster, which it looks for when it is first asked.

    redis-py's own does so when it is made, and some of what it raises is no RedisError. A web
    process starts without its Redis, and does without it when it goes away.

    Args:
        retry: how whole commands are tried again. redis-py itself tries once more, after it has
            asked the cluster anew who has the key.
        options: of each connection.
    """

    def __init__(self, place: RedisPlace, retry: Retry, **options: Any) -> None:
        self._place, self._retry, self._options = place, retry, options
        self._event_dispatcher = EventDispatcher()
        self._made: Any = None
        self._making = threading.Lock()
        self._encoder = Encoder("utf-8", "strict", False)  # type: ignore[no-untyped-call]

    def __getattr__(self, name: str) -> Any:
        """Return what the commands of the cluster need of its client, such as a key's slot."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._cluster(), name)

    def get_encoder(self) -> Encoder:
        """Return what makes bytes of words; scripts ask for it before Redis is."""
        return self._encoder

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node that has its key; RedisError when that fails."""
        return self._ask(lambda: self._cluster().execute_command(*args, **options))

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> Any:
        """Return a pipeline. Its commands go to many nodes, so none of it is a transaction."""
        pipe: Any = self._ask(lambda: self._cluster().pipeline(transaction))
        execute = pipe.execute
        pipe.execute = lambda raise_on_error=True: self._ask(lambda: execute(raise_on_error))
        return pipe

    def close(self) -> None:
        """Close all connections; it may be used again."""
        with self._making:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _ask(self, do: Callable[[], Any]) -> Any:
        def ask() -> Any:
            try:
                return do()
            except (RedisClusterException, ClusterError, TryAgainError) as error:
                raise redis.ConnectionError(str(error)) from error

        return self._retry.call_with_retry(ask, lambda _error: None)

    def _cluster(self) -> Any:
        if (made := self._made) is not None:
            return made
        # Whoever comes while another looks for it waits no longer than for an answer.
        if not self._making.acquire(timeout=self._options["socket_timeout"]):
            raise redis.ConnectionError("the cluster is still looked for")
        try:
            if self._made is None:
                self._made = RedisCluster(
                    startup_nodes=[_node(*node) for node in self._place.nodes],
                    retry=Retry(NoBackoff(), 1),
                    require_full_coverage=False,
                    **self._place.options,
                    **self._options,
                )
            return self._made
        finally:
            self._making.release()


def _node(host: str, port: int) -> ClusterNode:
    return ClusterNode(host, port)  # type: ignore[no-untyped-call]
