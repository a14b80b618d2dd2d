"""A real PostgreSQL server of the tests' own, from Debian's packages; where they are missing its tests are skipped."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.store import Store
from runner.store.rows import TABLES
from tests.ports import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Server:
    """A cluster on a loopback port that can be stopped and started again."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self._binaries = binaries
        self.folder = folder
        self.port = port
        self.url = f"postgresql://chaos@127.0.0.1:{port}/postgres"

    def make(self) -> None:
        self.folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "-N", "-A", "trust", "-U", "chaos", "-D", str(self.folder))

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB"
        self.run("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        self.run("pg_ctl", "-D", str(self.folder), "-w", "-m", how, "stop")

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It accepts connections and answers nothing any more."""
        import psutil

        main = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        main.suspend()  # before its children are counted: it makes no more
        everyone = [main, *main.children(recursive=True)]
        for process in everyone[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):  # the session of an earlier test that was just leaving
                process.suspend()
        try:
            yield
        finally:
            for process in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def run(self, program: str, *arguments: str) -> None:
        """As whoever may: the server refuses to be root."""
        who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*who, str(self._binaries / program), *arguments]
        with tempfile.TemporaryFile() as said:  # no pipe: the server would keep it open
            code = subprocess.run(command, stdout=said, stderr=said, cwd="/", timeout=60, check=False).returncode
            said.seek(0)
            assert code == 0, said.read().decode(errors="replace")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server in a folder of its own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-run-pg-"))
    folder.chmod(0o755)
    running = Server(BINARIES[-1], folder / "data", free_port())
    try:
        running.make()
        running.start()
        yield running
        running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One for all tests; each may stop it as long as it starts it again."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    if not BINARIES:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with serving() as running:
        yield running


@pytest.fixture
def postgres(server: Server) -> str:
    """The URL of an empty record."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server.url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same tests on a file, and on a PostgreSQL server: that of CHAOS_RUN_TEST_POSTGRES, else one of our own."""
    given = os.environ.get("CHAOS_RUN_TEST_POSTGRES")
    on_server = request.param == "postgres"
    url = (given or str(request.getfixturevalue("postgres"))) if on_server else str(tmp_path / "record.db")
    with Store.open(url) as opened:
        with opened._database.write() as writer:
            for table in (*TABLES, "distributions", "live_runs", "locks", "messages"):
                writer.execute(f"DELETE FROM {table}", {})
        yield opened
