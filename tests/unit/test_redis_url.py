"""REDIS_URL: one Redis, those that Sentinels watch, or a cluster; a bad one is one clear line."""

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.worker_registration import REDIS_WORKER_KEYS

from bookstore.config import BadSetting, Settings
from bookstore.config.redis_url import QUEUE_TAG, parse
from bookstore.redis_clients import Clients

SECRET = "s3cret"


def test_one() -> None:
    for url in ("redis://h", "rediss://u:p@h:6380/2", "unix:///run/redis.sock?db=1"):
        place = parse(url)
        assert (place.kind, place.url) == ("one", url)
        assert not Clients(url).is_cluster


def test_sentinels() -> None:
    place = parse("redis+sentinel://shop:p%40ss@a:1,[::1]:2,c/main/3?sentinel_password=s%2Ft")
    assert place.kind == "sentinel"
    assert place.nodes == (("a", 1), ("::1", 2), ("c", 26379))
    assert (place.service, place.db) == ("main", 3)
    assert place.options == {"username": "shop", "password": "p@ss"}
    assert place.sentinel_options == {"password": "s/t"}


def test_a_cluster() -> None:
    place = parse("redis+cluster://:p:w@a,b:7000/0")
    assert (place.kind, place.nodes) == ("cluster", (("a", 6379), ("b", 7000)))
    assert place.options == {"password": "p:w"}


def test_tls() -> None:
    query = "ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false"
    tls = {"ssl": True, "ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False}
    place = parse(f"rediss+sentinel://a/main?{query}&sentinel_username=watch")
    assert place.options == tls
    assert place.sentinel_options == tls | {"username": "watch"}
    assert parse(f"rediss+cluster://a?{query}").options == tls


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h", "must start with redis://, "),
        ("h:6379", "must start with redis://, "),
        ("sentinel://h/main", "must start with redis://, "),
        ("redis://h:port/0", "names a port or host that is none"),
        ("redis+sentinel://a:1,b:two/main", "names a port or host that is none"),
        ("redis+sentinel://a:1,/main", "names a port or host that is none"),
        ("redis+cluster://", "names a port or host that is none"),
        ("redis+cluster://a:99999", "names a port or host that is none"),
        ("redis+sentinel://a:1,b:2", "names no service: "),
        ("redis+sentinel://a:1/", "names no service: "),
        ("redis+sentinel://a/main/first", "names a database that is no number"),
        ("redis+cluster://a/1", "a cluster has one database, 0"),
        ("redis+cluster://a/main", "a cluster has one database, 0"),
        ("redis+cluster://a?ssl_ca_certs=/x", "must start with rediss[+]cluster://"),
        ("redis+cluster://a?sentinel_password=x", "has an option that is none of ssl_"),
        ("redis+sentinel://a/main?socket_timeout=9", "has an option that is none of ssl_"),
    ],
)
def test_a_bad_one(url: str, said: str) -> None:
    url = url.replace("://", f"://u:{SECRET}@", 1) if "://" in url else url
    with pytest.raises(BadSetting, match=f"^REDIS_URL: .*{said}[^\n]*$") as caught:
        Settings.from_environ({"REDIS_URL": url})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["redis+sentinel://a,b/main", "redis+cluster://a,b"])
def test_a_password_is_in_no_representation(url: str) -> None:
    place = parse(f"{url.replace('://', f'://:{SECRET}@')}")
    assert SECRET not in repr(place)


@pytest.mark.parametrize(
    "url", ["redis+sentinel://:{}@{}/main?sentinel_password={}", "redis+cluster://:{}@{}"]
)
class TestNobodyThere:
    """Clients of a place where nothing listens: made all the same, and soon done with asking."""

    def made(self, url: str) -> Clients:
        return Clients(url.format(SECRET, "127.0.0.1:1,127.0.0.1:2", SECRET))

    def test_each_says_so(self, url: str) -> None:
        clients = self.made(url)
        for client in (
            clients.impatient(0.2),
            clients.insistent(0.2),
            clients.once(0.2),
            clients.queue(0.2),
            clients.waiting(30),
            clients.subscriber(),
        ):
            with pytest.raises(redis.ConnectionError) as caught:
                client.get("key")
            assert SECRET not in str(caught.value)
            assert SECRET not in repr(client)
            client.close()

    def test_it_is_left_alone_for_a_moment(self, url: str) -> None:
        clients = self.made(url)
        with pytest.raises(redis.ConnectionError):
            clients.impatient(0.2).get("key")
        # What one found out, the others know.
        with pytest.raises(redis.ConnectionError, match="a moment ago"):
            clients.impatient(0.5).get("key")
        with pytest.raises(redis.ConnectionError, match="^(?!.*a moment ago)"):
            clients.insistent(0.5).get("key")


def test_what_is_rqs_has_one_hash_tag() -> None:
    keys = {REDIS_WORKER_KEYS, Job.key_for("x"), Queue.redis_queues_keys}
    assert {key.partition(":")[0] for key in keys} == {QUEUE_TAG} == {"{rq}"}
