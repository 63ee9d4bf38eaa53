"""Files of the catalogue, as staff ask for them and bring them."""

import io

import pytest

from app.catalog.csv import services
from app.catalog.csv.models import CatalogExport, CatalogImport
from app.lib.db import session
from app.lib.storage import storage
from tests.catalog.files import GRACE


@pytest.fixture
def exported(run_jobs):
    def export() -> bytes:
        export_id = services.start_export(GRACE).id
        run_jobs()
        session().expire_all()
        export = session().get_one(CatalogExport, export_id)
        assert export.state == "done"
        return b"".join(storage().open(key).read() for key in services.parts_of(export.key, export.parts))

    return export


@pytest.fixture
def brought(run_jobs):
    """Bring a file and have it checked; with a mode, applied as well."""

    def bring(content: bytes | str, mode: str = "") -> CatalogImport:
        raw = content.encode() if isinstance(content, str) else content
        made = services.start_import(io.BytesIO(raw), "goods.csv", GRACE)
        import_id, public_id = made.id, made.public_id
        run_jobs()
        if mode:
            services.apply(public_id, mode)
            run_jobs()
        session().rollback()
        session().expire_all()
        return session().get_one(CatalogImport, import_id)

    return bring
