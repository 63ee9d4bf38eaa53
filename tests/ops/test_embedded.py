import os
import signal
import socket
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from app.lib.embedded import EmbeddedPostgres, EmbeddedRedis, running_urls
from app.lib.private_store import CannotStart
from tests.ops.waiting import eventually

pytestmark = pytest.mark.pure


@pytest.fixture
def data_dir():
    with tempfile.TemporaryDirectory(prefix="sokoni-") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory(prefix="sokoni-") as directory:
        yield Path(directory)


@pytest.fixture
def postgres(cluster):
    store = EmbeddedPostgres(cluster, durable=False)
    store.start()
    yield store
    store.stop()


def ask(url, statement):
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()
        return cursor.fetchone()[0] if cursor.description else None


def only_postmaster(store):
    return int((store.home / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_what_was_committed_survives_a_kill(postgres):
    ask(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")

    postgres.kill()
    was_ready = postgres.is_ready()
    postgres.start()

    assert not was_ready
    assert ask(postgres.url, "SELECT answer FROM kept") == 42


def test_a_session_that_outlives_its_postmaster_is_no_obstacle(postgres):
    with closing(psycopg2.connect(postgres.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        session = psutil.Process(cursor.fetchone()[0])
        session.suspend()  # it cannot notice that the postmaster has gone
        postgres.kill()

        postgres.start()

    assert not session.is_running() or session.status() == psutil.STATUS_ZOMBIE
    assert ask(postgres.url, "SELECT 1") == 1


def test_files_of_a_power_cut_are_no_obstacle(postgres):
    postgres.stop()
    (postgres.home / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.home / 'data'}\n")
    postgres.socket_path.write_text("")
    (postgres.home / f"{postgres.socket_path.name}.lock").write_text(f"{os.getpid()}\n")

    postgres.start()

    assert ask(postgres.url, "SELECT 1") == 1


def test_a_server_left_by_another_run_is_ended_first(postgres):
    left_behind = only_postmaster(postgres)
    second = EmbeddedPostgres(postgres.data_dir, durable=False)

    second.start()

    assert only_postmaster(second) != left_behind
    assert ask(second.url, "SELECT 1") == 1
    second.stop()


def test_a_half_made_cluster_is_made_again(data_dir):
    (data_dir / "postgres.new" / "data" / "base").mkdir(parents=True)
    store = EmbeddedPostgres(data_dir, durable=False)

    store.start()

    assert ask(store.url, "SELECT current_setting('TimeZone')") == "UTC"
    store.stop()


def test_files_of_another_major_version_are_refused_with_a_sentence(postgres):
    postgres.stop()
    version = postgres.home / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("15\n")

    with pytest.raises(CannotStart, match="made by PostgreSQL 15"):
        postgres.start()

    version.write_text(ours)


def test_a_path_too_long_for_a_socket_is_served_by_a_port_with_a_password(data_dir):
    deep = data_dir / ("d" * 90)
    database, queue = EmbeddedPostgres(deep, durable=False), EmbeddedRedis(deep)

    database.start()
    queue.start()

    assert "@127.0.0.1:" in database.url
    assert ask(database.url, "SELECT 1") == 1
    assert redis.from_url(queue.url).ping()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(database.url.replace(database.url.split(":")[2].split("@")[0], "guessed"))
    database.stop()
    queue.stop()


def test_the_address_stays_the_same_unless_its_port_is_taken(data_dir):
    deep = data_dir / ("d" * 90)
    queue = EmbeddedRedis(deep)
    first = queue.start()
    queue.stop()
    again = EmbeddedRedis(deep)
    same = again.start()
    again.stop()
    port = int(first.rsplit(":", 1)[1].split("/")[0])

    with closing(socket.create_server(("127.0.0.1", port))):
        elsewhere = EmbeddedRedis(deep)
        other = elsewhere.start()

    assert same == first
    assert other != first
    elsewhere.stop()


def test_the_private_redis_refuses_rather_than_forgets_and_comes_back_after_a_kill(data_dir):
    queue = EmbeddedRedis(data_dir)
    queue.start()

    queue.kill()
    was_ready = queue.is_ready()
    queue.start()

    assert not was_ready
    assert redis.from_url(queue.url).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    queue.stop()


def test_the_stores_of_a_directory_are_found_by_those_who_did_not_start_them(postgres):
    assert running_urls(postgres.data_dir) == {"DATABASE_URL": postgres.url}

    postgres.stop()

    assert running_urls(postgres.data_dir) == {}


def test_the_stores_end_with_the_process_that_started_them(data_dir):
    child = os.fork()
    if child == 0:
        EmbeddedPostgres(data_dir, durable=False).start()
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(child, 0)

    eventually(lambda: running_urls(data_dir) == {})
