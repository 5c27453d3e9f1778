"""Many datasets read in one call: order, ends, and what is in memory when they come from a service."""

import threading
import uuid

import pytest

from bunter import Butler, effects
from bunter.contracts.reading_many import ReadingManyContract
from bunter.errors import FileIntegrityError


class TestFolder(ReadingManyContract):
    @pytest.fixture
    def empty(self, tmp_path):
        with Butler.create(tmp_path / "repo") as butler:
            yield butler


class TestMemory(ReadingManyContract):
    @pytest.fixture
    def empty(self):
        with Butler.create(f"memory://{uuid.uuid4()}") as butler:
            yield butler


class TestService(ReadingManyContract):
    @pytest.fixture
    def empty(self, s3_place, tmp_path):
        with Butler.create(s3_place, database=str(tmp_path / "books.sqlite3")) as butler:
            yield butler

    @pytest.fixture
    def fetched(self):
        """Keys that are asked for, with the thread that asks."""
        seen = []
        effects.set_hook(
            lambda operation, path: (
                seen.append((path.rpartition("/")[2], threading.current_thread().name))
                if operation == "store_get"
                else None
            )
        )
        yield seen
        effects.set_hook(None)

    def test_each_object_is_fetched_once_and_by_several_threads(self, butler, fetched):
        refs = self.put(butler)
        fetched.clear()
        assert len(list(butler.get_many(refs))) == 40
        assert len({key for key, _ in fetched}) == len(fetched) == 40
        assert all(name.startswith("bunter-read") for _, name in fetched)

    def test_few_are_fetched_before_they_are_asked_for(self, butler, fetched, monkeypatch):
        from bunter.butler import reading_ahead

        monkeypatch.setattr(reading_ahead, "_LOTS", 2)
        refs = self.put(butler)
        fetched.clear()
        coming = butler.get_many(refs)
        next(coming)
        coming.close()
        assert len(fetched) <= 3 * reading_ahead._MEMBERS

    def test_damage_is_found(self, butler, s3_server, tmp_path):
        refs = self.put(butler)
        uri = butler.get_uri(refs[5])
        path = next(s3_server.folder.rglob(uri.stored.key.rpartition("/")[2]))
        path.write_bytes(path.read_bytes().replace(b"5", b"6"))
        coming = butler.get_many(refs)
        assert [next(coming)["n"] for _ in range(5)] == list(range(5))
        with pytest.raises(FileIntegrityError, match="damaged"):
            next(coming)
