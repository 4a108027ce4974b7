"""The audit chain, retention, backups, export: what is kept, for how long, and how it comes out again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result
from sqlalchemy import text
from starlette.testclient import TestClient

from service.command import fenbo
from service.settings import Settings
from service.storage import audit, open_database
from service.storage.all_tables import all_tables
from service.storage.purge import Limits, Purged, counted, purge
from tests.service.conftest import in_process, new_database, wait_until
from tests.service.fixture_router import FixtureRouter
from tests.service.storage.rows import connected, everything, is_refused, rows

LETTERS = ("公司拖欠工资三个月", "对面工地夜里打桩", "想问一下", "楼道煤气味很重", "公园的树倒了")


@pytest.fixture
def client(stored: Settings) -> Iterator[TestClient]:
    """A service with five tickets, two outcomes and a review."""
    with in_process(FixtureRouter(), stored) as found:
        for number, letter in enumerate(LETTERS):
            found.post("/v1/tickets", json={"ticket_id": f"T{number}", "title": "=来信", "content": letter})
        found.post("/v1/tickets/T0/outcome", json={"kind": "department", "department": "RSJ"})
        found.post("/v1/tickets/T1/outcome", json={"kind": "merge", "other_ticket": "T0"})
        found.post(
            "/v1/tickets/T2/review",
            json={"action": "correct", "department": "SBJ", "kind": "C", "reason": "x"},
        )
        yield found


def _run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(fenbo, list(arguments), env=settings.as_environment())


def _break(settings: Settings, statement: str) -> None:
    """Change rows as someone would who owns the database: without the triggers."""
    with connected(settings) as connection:
        if connection.dialect.name == "sqlite":
            for name in ("audit_unchanged", "audit_kept"):
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(text(statement))
        connection.commit()


@pytest.mark.usefixtures("client")
class TestAudit:
    """`fenbo audit verify`."""

    def test_untouched_log_holds(self, stored: Settings) -> None:
        result = _run(stored, "audit", "verify")
        assert result.exit_code == 0, result.output
        assert "8 行，从第 1 行起，全部接得上" in result.output

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit SET details = '{}' WHERE sequence = 3",
            "UPDATE audit SET actor = 'someone' WHERE sequence = 8",
            "UPDATE audit SET hash = previous WHERE sequence = 2",
            "DELETE FROM audit WHERE sequence = 4",
            "DELETE FROM audit WHERE sequence = 1",
            "UPDATE audit SET sequence = 9 WHERE sequence = 8",
        ],
    )
    def test_tampering_is_found(self, stored: Settings, statement: str) -> None:
        _break(stored, statement)
        result = _run(stored, "audit", "verify")
        assert result.exit_code != 0
        assert isinstance(result.exception, audit.AuditBroken)

    def test_cut_off_end_is_found_by_the_noted_head(self, stored: Settings) -> None:
        head = _run(stored, "audit", "verify").output.split()[-1]
        assert _run(stored, "audit", "verify", "--head", head).exit_code == 0
        _break(stored, "DELETE FROM audit WHERE sequence = 8")
        assert _run(stored, "audit", "verify").exit_code == 0
        result = _run(stored, "audit", "verify", "--head", head)
        assert "its end was cut off" in str(result.exception)

    def test_head_that_is_none_is_told(self, stored: Settings) -> None:
        assert "is not NUMBER:HASH" in str(_run(stored, "audit", "verify", "--head", "8").exception)


def _forget(
    settings: Settings, *, text_days: int = 9999, record_days: int = 9999, audit_days: int = 9999
) -> Purged:
    now = datetime.now(UTC) + timedelta(days=1000)
    before = Limits(*(now - timedelta(days=days) for days in (text_days, record_days, audit_days)))
    database = open_database(settings)
    try:
        with database.reading() as connection:
            expected = counted(connection, before)
        done = purge(database, before, actor="test", everything=True)
    finally:
        database.close()
    assert done == expected
    return done


class TestPurge:
    """What is past its retention."""

    def test_nothing_is_old_yet(self, client: TestClient, stored: Settings) -> None:
        before = everything(stored)
        result = _run(stored, "purge")
        assert result.exit_code == 0, result.output
        assert "文字 0 件，工单 0 件，办理结果 0 条，人工意见 0 条，任务 0 个，审计日志 0 行" in result.output
        assert everything(stored) == before
        assert client.get("/v1/tickets/T0").status_code == 200

    def test_text_goes_and_the_record_stays(self, client: TestClient, stored: Settings) -> None:
        assert _forget(stored, text_days=500).texts == 5
        assert "拖欠工资" not in everything(stored)
        ticket = client.get("/v1/tickets/T0").json()
        assert (ticket["title"], ticket["content"], ticket["prediction"]) == (None, None, None)
        assert (ticket["department"], ticket["probability"]) == ("RSJ", 0.9)
        again = client.post("/v1/tickets", json={"ticket_id": "T0", "title": "=来信", "content": LETTERS[0]})
        assert again.status_code == 410
        assert again.json()["type"] == "urn:fenbo:problem:text-purged"
        assert len(client.get("/v1/tickets").json()["tickets"]) == 5

    def test_a_clock_that_runs_ahead_forgets_nothing(self, client: TestClient, stored: Settings) -> None:
        before = everything(stored)
        with time_machine.travel(datetime(2060, 1, 1, tzinfo=UTC)):
            refused = _run(stored, "purge")
            assert "clock" in str(refused.exception)
            assert everything(stored) == before
            client.post("/v1/tickets", json={"ticket_id": "T9", "content": "树"})
            assert "clock" in str(_run(stored, "purge").exception), (
                "one ticket of that time is no proof of it"
            )
            assert _run(stored, "purge", "--everything").exit_code == 0
        assert "拖欠工资" not in everything(stored)

    def test_jobs_that_ended_long_ago_go_with_their_answers(
        self, client: TestClient, stored: Settings
    ) -> None:
        job = client.post(
            "/v1/jobs", content=b"content\n\xe8\xb7\xaf\xe7\x81\xaf\n", headers={"Content-Type": "text/csv"}
        ).json()["job"]
        wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
        assert _forget(stored, record_days=500).jobs == 0
        assert _forget(stored, text_days=500).jobs == 1
        assert client.get(f"/v1/jobs/{job}").status_code == 404
        assert rows(stored, "SELECT 1 FROM job_chunks") == []
        assert _run(stored, "audit", "verify").exit_code == 0

    def test_records_go_and_the_chain_still_holds(self, client: TestClient, stored: Settings) -> None:
        assert _forget(stored, record_days=500, text_days=500) == Purged(5, 5, 2, 1, 0)
        assert client.get("/v1/tickets").json()["tickets"] == []
        client.post("/v1/tickets", json={"ticket_id": "T9", "content": "树"})
        assert _run(stored, "audit", "verify").exit_code == 0
        assert is_refused(stored, "DELETE FROM audit")

    def test_audit_rows_go_and_what_is_left_is_verified(self, client: TestClient, stored: Settings) -> None:
        assert _forget(stored, audit_days=500).audit == 8
        assert [row.action for row in rows(stored, "SELECT action FROM audit")] == ["audit.purged"]
        client.post("/v1/tickets", json={"ticket_id": "T9", "content": "树"})
        result = _run(stored, "audit", "verify")
        assert "2 行，从第 9 行起" in result.output
        assert is_refused(stored, "DELETE FROM audit WHERE sequence = 9")
        assert is_refused(stored, "UPDATE purges SET through = 100")
        assert is_refused(stored, "DELETE FROM purges")

    def test_rows_deleted_beyond_what_was_purged_are_missed(
        self, client: TestClient, stored: Settings
    ) -> None:
        _forget(stored, audit_days=500)
        client.post("/v1/tickets", json={"ticket_id": "T9", "content": "树"})
        _break(stored, "DELETE FROM audit WHERE sequence = 9")
        assert "audit row 9 is missing" in str(_run(stored, "audit", "verify").exception)


class TestBackup:
    """`fenbo backup` and `fenbo restore`, with the service running."""

    def test_everything_comes_back(self, client: TestClient, stored: Settings, tmp_path: Path) -> None:
        file = tmp_path / "backup.db"
        result = _run(stored, "backup", str(file))
        assert result.exit_code == 0, result.output
        assert "5 件工单" in result.output
        first = client.get("/v1/tickets/T2").json()
        client.post("/v1/tickets", json={"ticket_id": "later", "content": "树"})
        client.post("/v1/tickets/T2/review", json={"action": "accept"})
        assert "give --yes" in _run(stored, "restore", str(file)).output
        result = _run(stored, "restore", str(file), "--yes")
        assert result.exit_code == 0, result.output
        assert client.get("/v1/tickets/T2").json() == first
        assert client.get("/v1/tickets/later").status_code == 404
        # The same letters are still recognised, new ones are stored, and the log tells what happened.
        body = {"ticket_id": "T0", "title": "=来信", "content": LETTERS[0]}
        assert client.post("/v1/tickets", json=body).status_code == 200
        assert client.post("/v1/tickets", json=body | {"ticket_id": "T9"}).status_code == 201
        assert "10 行，从第 1 行起" in _run(stored, "audit", "verify").output
        assert is_refused(stored, "DELETE FROM audit")

    def test_backup_of_one_database_is_put_into_the_other(
        self, client: TestClient, stored: Settings, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        file = tmp_path / "backup.db"
        _run(stored, "backup", str(file))
        if stored.database_url is None:
            from pydantic import SecretStr

            other = stored.model_copy(update={"database_url": SecretStr(new_database(request))})
        else:
            other = stored.model_copy(update={"database_url": None})
        assert _run(other, "restore", str(file)).exit_code == 0
        for table in all_tables():
            query = f'SELECT count(*) FROM "{table.name}"'
            extra = 1 if table.name == "audit" else 0
            assert rows(other, query)[0][0] == rows(stored, query)[0][0] + extra, table.name
        with in_process(FixtureRouter(), other) as there:
            assert there.get("/v1/tickets/T2").json() == client.get("/v1/tickets/T2").json()

    def test_what_is_no_backup_changes_nothing(
        self, client: TestClient, stored: Settings, tmp_path: Path
    ) -> None:
        before = everything(stored)
        for name, content in (("text.db", b"not a database" * 100), ("empty.db", b"")):
            (tmp_path / name).write_bytes(content)
        for name in ("text.db", "empty.db", "missing.db"):
            assert _run(stored, "restore", str(tmp_path / name), "--yes").exit_code != 0, name
        assert everything(stored) == before
        assert client.get("/v1/tickets/T2").status_code == 200

    def test_backup_under_another_key_is_refused(
        self, client: TestClient, stored: Settings, tmp_path: Path
    ) -> None:
        del client
        file = tmp_path / "backup.db"
        _run(stored, "backup", str(file))
        other = stored.model_copy(update={"data_dir": tmp_path / "other", "database_url": None})
        assert "made under another secret key" in str(_run(other, "restore", str(file)).exception)

    def test_backup_is_never_written_over(self, client: TestClient, stored: Settings, tmp_path: Path) -> None:
        del client
        file = tmp_path / "backup.db"
        file.write_text("mine")
        assert "is there already" in str(_run(stored, "backup", str(file)).exception)
        assert file.read_text() == "mine"
        assert [each.name for each in tmp_path.glob("*backup*")] == ["backup.db"]


class TestExport:
    """`fenbo export`."""

    def test_peoples_last_word_comes_out_as_the_contract_has_it(
        self, client: TestClient, stored: Settings, tmp_path: Path
    ) -> None:
        client.post(
            "/v1/tickets/T2/review", json={"action": "correct", "department": "RSJ", "reason": "再看"}
        )
        file = tmp_path / "out.csv"
        result = _run(stored, "export", str(file))
        assert result.exit_code == 0, result.output
        with file.open(encoding="utf-8", newline="") as stream:
            found: list[dict[str, Any]] = list(csv.DictReader(stream))
        assert list(found[0]) == [
            "ticket_id", "title", "content", "channel", "created_at", "district", "address",
            "department", "urgency", "kind", "cluster",
        ]  # fmt: skip
        assert [(each["ticket_id"], each["department"], each["kind"]) for each in found] == [
            ("T0", "RSJ", ""),
            ("T2", "RSJ", "C"),
        ]
        assert found[0]["title"].startswith("'=")

    def test_what_is_exported_can_be_read_and_checked(
        self, client: TestClient, stored: Settings, tmp_path: Path
    ) -> None:
        from model.records import read_records

        del client
        file = tmp_path / "out.csv"
        _run(stored, "export", str(file))
        problems: list[object] = []
        records = list(read_records(file, strict=True, on_problem=problems.append))
        assert problems == []
        assert [record.department for record in records] == ["RSJ", "SBJ"]
        assert all(record.ticket.created_at for record in records)

    def test_days_bound_what_is_exported(self, client: TestClient, stored: Settings, tmp_path: Path) -> None:
        del client
        result = _run(stored, "export", str(tmp_path / "out.jsonl"), "--since", "2100-01-01")
        assert "0 件" in result.output


def test_migrations_make_the_tables_that_queries_know(stored: Settings) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from service.storage.tables import METADATA, UtcDateTime

    all_tables()
    open_database(stored).close()

    def same_type(_: Any, __: Any, ___: Any, ____: Any, wanted: Any) -> bool | None:
        return False if isinstance(wanted, UtcDateTime) else None

    with connected(stored) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": same_type})
        assert compare_metadata(context, METADATA) == []


def test_database_of_a_newer_fenbo_is_refused(stored: Settings) -> None:
    from model.errors import FenboError

    open_database(stored).close()
    with connected(stored) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(FenboError, match="install the newer fenbo"):
        open_database(stored)
