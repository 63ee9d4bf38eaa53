"""The database: model base, constraint names, and the one way to commit."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Annotated, Any, ParamSpec, TypeVar, cast

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import BigInteger, DateTime, Engine, Identity, MetaData, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, registry

from app.lib.errors import Busy

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Key = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
Minor = Annotated[int, mapped_column(BigInteger)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class _Declarative(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    registry = registry(
        type_annotation_map={
            datetime: DateTime(timezone=True),
            int: BigInteger,
            dict[str, Any]: JSONB,
            list[Any]: JSONB,
        }
    )


PRIMARY = "primary"
REPLICA = "replica"
_reads_from: ContextVar[Engine | None] = ContextVar("reads_from", default=None)


class _RoutedSession(FlaskSession):
    """Statements go to the primary, unless reading_from() named another engine and nothing is being written."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        engine = _reads_from.get()
        if engine is None or self._flushing or self.info.get(_OPEN):
            return super().get_bind(*args, **kwargs)
        return engine


@contextmanager
def reading_from(engine: Engine) -> Iterator[None]:
    """Inside, what is read comes from this engine; transaction() still writes, and reads, on the primary."""
    before = _reads_from.set(engine)
    try:
        yield
    finally:
        _reads_from.reset(before)


Piece = TypeVar("Piece")


def still_reading(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """An answer that is sent while it is read: each step reads where the view did that began it."""
    engine = _reads_from.get()

    def read() -> Iterator[Piece]:
        while True:
            with reading_from(engine) if engine is not None else nullcontext():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    return read()


db = SQLAlchemy(model_class=_Declarative, session_options={"class_": _RoutedSession})


class Base(db.Model):  # type: ignore[name-defined,misc]
    """A table that names its own key."""

    __abstract__ = True


class Model(Base):
    """A table with a bigint `id`."""

    __abstract__ = True

    id: Mapped[Key]


def session() -> Session:
    """The session of this request, job or command."""
    return cast(Session, db.session())


_OPEN = "open_transactions"
_DEFERRED = "deferred_rows"


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit when the outermost block ends, roll everything back when it raises.

    An inner block joins the outer one, so services compose. Do not swallow an error inside a block.
    """
    current = session()
    depth = current.info.get(_OPEN, 0)
    current.info[_OPEN] = depth + 1
    try:
        yield current
        if depth == 0:
            for write, rows in current.info.pop(_DEFERRED, {}).items():
                write(current, rows)
            current.commit()
    except BaseException:
        if depth == 0:
            current.info.pop(_DEFERRED, None)
            current.rollback()
        raise
    finally:
        current.info[_OPEN] = depth


def defer(write: Callable[[Session, list[Any]], None], row: Any) -> None:
    """Collect `row`; `write` gets all of them at once, last thing before the outermost block commits."""
    if not in_transaction():
        raise RuntimeError("Only inside transaction(): the row must be written with the decision it belongs to.")
    session().info.setdefault(_DEFERRED, {}).setdefault(write, []).append(row)


def in_transaction() -> bool:
    return bool(session().info.get(_OPEN, 0))


P = ParamSpec("P")
R = TypeVar("R")
OUTDATED = "0A000"  # a statement that was planned before a migration changed a type it reads
CONFLICTS = {"40001", "40P01", "55P03", OUTDATED}  # serialization failure, deadlock, lock timeout
TRIES = 4


def retrying(service: Callable[P, R]) -> Callable[P, R]:
    """Run the whole service again when PostgreSQL gave up on a lock: three more tries, then Busy (503).

    Inside an open transaction the error passes through, because only the outermost unit can be repeated.
    """

    @functools.wraps(service)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            return service(*args, **kwargs)
        for attempt in range(1, TRIES + 1):
            try:
                return service(*args, **kwargs)
            except DBAPIError as error:
                if sqlstate(error) not in CONFLICTS:
                    raise
                session().rollback()
                if attempt == TRIES:
                    raise Busy() from error
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311
        raise AssertionError("unreachable")

    return tried


def sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def violated(error: DBAPIError) -> str | None:
    """The name of the constraint an IntegrityError speaks of."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)


def binds(replica_url: str, role: str) -> dict[str, Any]:
    """The engine of the replica beside the primary's, when there is one; a connection waits one second at most."""
    if not replica_url:
        return {}
    options = engine_options(role)
    options["connect_args"] |= {"connect_timeout": 1}
    return {REPLICA: {"url": replica_url, **options, "pool_timeout": 1}}


def engine_options(role: str) -> dict[str, Any]:
    """Pool and time limits for the role: "web" (10 s a statement) or "worker" (60 s)."""
    limits = {
        "lock_timeout": "3s",
        "statement_timeout": "10s" if role == "web" else "60s",
        "idle_in_transaction_session_timeout": "15s",
        "timezone": "UTC",
        "application_name": f"sokoni-{role}",
        # A page must not pay for compiling a plan; measured on the listing query.
        "jit": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return {
        "pool_size": 4,
        "max_overflow": 4,
        "pool_timeout": 5,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "connect_args": {"options": options, "connect_timeout": 4, "keepalives_idle": 30},
    }


def database_is_up() -> bool:
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True
