"""What every store of artifacts promises. Subclass a suite and supply its ``store`` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bunter.datastore.store import PublishingStore, Stat, Transfer
from bunter.errors import KeyMissingError, KeyTakenError, TemplateError
from bunter.values import ByteRange, Durability, digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bunter.datastore.store import Staged

__all__ = ["ArtifactStoreContract"]

BAD_KEYS = ("", "/etc/passwd", "../x", "a/../x", "a/..", "./a", "a//b", "a/", ".stage/x", "a/.hidden", "a\0b")


def publish(store: PublishingStore, contents: dict[str, bytes], owner: str | None = None) -> list[Staged]:
    """Stage and publish contents by key."""
    owner = owner or store.own()
    staged = [store.stage(owner, key, content) for key, content in contents.items()]
    store.publish(staged, Durability.none)
    return staged


def put(store: PublishingStore, contents: dict[str, bytes]) -> None:
    """Publish contents and settle them."""
    store.settle(publish(store, contents))


class ArtifactStoreContract:
    """What every `PublishingStore` promises."""

    refuses_taken_keys = True
    """False for services where "create only if absent" cannot be had: there the never-used-twice names and the registry decide."""

    def test_it_is_a_publishing_store(self, store: PublishingStore) -> None:
        assert isinstance(store, PublishingStore)

    def test_what_was_published_is_read_back_whole(self, store: PublishingStore) -> None:
        put(store, {"run/a.txt": b"first", "run/deep/er/b.txt": b"", "c": bytes(range(256)) * 5000})
        assert store.read("run/a.txt") == [b"first"]
        assert store.read("run/deep/er/b.txt") == [b""]
        assert store.read("c") == [bytes(range(256)) * 5000]

    def test_what_is_sent_in_more_than_one_part_is_read_back_whole(
        self, store: PublishingStore, tmp_path: Path
    ) -> None:
        large, source = bytes(range(256)) * 36_000, tmp_path / "source"
        source.write_bytes(large[::-1])
        owner = store.own()
        staged = [store.stage(owner, "deep/er/large", large), store.stage(owner, "file", source)]
        store.publish(staged, Durability.none)
        store.settle(staged)
        assert store.read("deep/er/large") == [large]
        assert store.read("file") == [large[::-1]]

    def test_ranges_come_in_the_order_asked_for(self, store: PublishingStore) -> None:
        put(store, {"k": b"0123456789"})
        assert store.read("k", [ByteRange(5, 2), ByteRange(0, 3), ByteRange(8, 9)]) == [b"56", b"012", b"89"]
        assert store.read("k", []) == []

    def test_reading_a_missing_key_is_an_error(self, store: PublishingStore) -> None:
        with pytest.raises(KeyMissingError, match="nothing/here"):
            store.read("nothing/here")

    def test_staged_artifacts_are_invisible_until_published(self, store: PublishingStore) -> None:
        staged = store.stage(store.own(), "run/k", b"x")
        assert store.stat_many(["run/k"]) == [None]
        assert list(store.walk()) == []
        store.publish([staged], Durability.full)
        assert store.read("run/k") == [b"x"]

    def test_staging_tells_size_and_digests(self, store: PublishingStore, tmp_path: Path) -> None:
        owner, source = store.own(), tmp_path / "source"
        source.write_bytes(b"abc" * 1000)
        for key, content in (("k", b"abc" * 1000), ("l", source)):
            staged = store.stage(owner, key, content)
            assert (staged.key, staged.size, staged.digests) == (key, 3000, digest(b"abc" * 1000))
            assert staged.owned

    @pytest.mark.parametrize("durability", list(Durability))
    def test_every_durability_publishes(self, store: PublishingStore, durability: Durability) -> None:
        staged = [store.stage(store.own(), f"run/{i}", b"x", sync=False) for i in range(20)]
        store.publish(staged, durability)
        store.settle(staged)
        assert all(found == [b"x"] for found in (store.read(item.key) for item in staged))

    def test_a_taken_key_keeps_its_artifact_and_nothing_of_the_batch_appears(self, store: PublishingStore) -> None:
        put(store, {"run/k": b"first"})
        owner = store.own()
        if not self.refuses_taken_keys:
            publish(store, {"run/k": b"first"})  # not settled: its intent refuses others
        staged = [store.stage(owner, key, b"second") for key in ("run/j", "run/k", "run/l")]
        with pytest.raises(KeyTakenError, match="run/k"):
            store.publish(staged, Durability.none)
        store.discard(staged)
        assert store.read("run/k") == [b"first"]
        assert store.stat_many(["run/j", "run/l"]) == [None, None]

    def test_a_key_is_staged_once(self, store: PublishingStore) -> None:
        owner = store.own()
        store.stage(owner, "k", b"1")
        with pytest.raises(KeyTakenError):
            store.stage(owner, "k", b"2")

    def test_discarding_before_or_after_publication_leaves_nothing(self, store: PublishingStore) -> None:
        owner = store.own()
        before = store.stage(owner, "a", b"1")
        store.discard([before])
        after = publish(store, {"b": b"2"}, owner)
        store.discard(after)
        store.discard(after)
        assert list(store.walk()) == []
        assert publish(store, {"a": b"3", "b": b"4"}, owner)

    def test_discarding_touches_nobody_elses_artifact(self, store: PublishingStore) -> None:
        staged = store.stage(store.own(), "k", b"mine")
        put(store, {"k": b"theirs"})
        store.discard([staged])
        assert store.read("k") == [b"theirs"]

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_keys_cannot_leave_the_store(self, store: PublishingStore, key: str) -> None:
        owner = store.own()
        with pytest.raises(TemplateError):
            store.stage(owner, key, b"x")
        with pytest.raises(TemplateError):
            store.read(key)
        with pytest.raises(TemplateError):
            store.stat_many([key])
        with pytest.raises(TemplateError):
            store.delete_many([key])

    def test_stat_tells_size_and_time_or_none(self, store: PublishingStore) -> None:
        put(store, {"a": b"12345", "d/b": b""})
        first, missing, second = store.stat_many(["a", "d/none", "d/b"])
        assert missing is None
        assert isinstance(first, Stat)
        assert isinstance(second, Stat)
        assert (first.size, second.size) == (5, 0)
        assert first.modified_ns > 1_600_000_000 * 10**9

    def test_walking_finds_all_and_only_what_begins_so(self, store: PublishingStore) -> None:
        put(store, {key: key.encode() for key in ("a", "run1/x/1", "run1/x/2", "run1/y", "run10/z")})
        assert sorted(key for key, _ in store.walk()) == ["a", "run1/x/1", "run1/x/2", "run1/y", "run10/z"]
        assert sorted(key for key, _ in store.walk("run1/")) == ["run1/x/1", "run1/x/2", "run1/y"]
        assert sorted(key for key, _ in store.walk("run1/x")) == ["run1/x/1", "run1/x/2"]
        assert dict(store.walk("run10"))["run10/z"].size == 7
        assert list(store.walk("nowhere/")) == []

    def test_deleting_is_idempotent(self, store: PublishingStore) -> None:
        put(store, {"run/a": b"1", "run/b": b"2"})
        assert store.delete_many(["run/a", "run/none", "no/where"]) == {}
        assert store.delete_many(["run/a"]) == {}
        assert [key for key, _ in store.walk()] == ["run/b"]
        put(store, {"run/a": b"3"})
        assert store.read("run/a") == [b"3"]

    def test_dead_owners_are_finished_or_undone(self, store: PublishingStore) -> None:
        dead = store.own()
        publish(store, {"run/committed": b"1"}, dead)
        publish(store, {"run/lost": b"2"}, dead)
        store.stage(dead, "run/unpublished", b"3")
        alive = publish(store, {"run/alive": b"4"})
        store.disown(dead)
        assert store.recover(_only("run/committed")) == 3
        assert sorted(key for key, _ in store.walk()) == ["run/alive", "run/committed"]
        assert store.read("run/committed") == [b"1"]
        assert store.recover(_only("run/alive")) == 0
        store.settle(alive)

    def test_a_move_removes_its_source_only_when_settled(self, store: PublishingStore, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"content")
        staged = [store.stage(store.own(), "k", source, transfer=Transfer.MOVE)]
        store.publish(staged, Durability.full)
        assert source.exists()
        store.settle(staged)
        assert not source.exists()
        assert store.read("k") == [b"content"]

    def test_a_discarded_move_keeps_its_source(self, store: PublishingStore, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"content")
        staged = [store.stage(store.own(), "k", source, transfer=Transfer.MOVE)]
        store.publish(staged, Durability.full)
        store.discard(staged)
        assert source.read_bytes() == b"content"
        assert list(store.walk()) == []

    def test_moves_of_dead_owners_are_finished_if_committed(self, store: PublishingStore, tmp_path: Path) -> None:
        owner, sources = store.own(), [tmp_path / name for name in ("a", "b")]
        for source in sources:
            source.write_bytes(b"content")
            staged = [store.stage(owner, f"run/{source.name}", source, transfer=Transfer.MOVE)]
            store.publish(staged, Durability.full)
        store.disown(owner)
        store.recover(_only("run/a"))
        assert [source.exists() for source in sources] == [False, True]
        assert [key for key, _ in store.walk()] == ["run/a"]

    def test_a_copy_is_independent_of_its_source(self, store: PublishingStore, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x" * 3_000_000)
        staged = store.stage(store.own(), "k", source, transfer=Transfer.COPY)
        source.write_bytes(b"changed")
        store.publish([staged], Durability.full)
        assert store.read("k") == [b"x" * 3_000_000]
        assert staged.digests == digest(b"x" * 3_000_000)


def _only(*registered: str) -> _Registered:
    return _Registered(frozenset(registered))


class _Registered:
    """A registry that knows these keys."""

    def __init__(self, keys: frozenset[str]) -> None:
        self.keys = keys

    def __call__(self, keys: Sequence[str]) -> set[str]:
        return set(self.keys.intersection(keys))
