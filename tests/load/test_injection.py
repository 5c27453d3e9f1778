"""SQL in every text that comes in: it is refused, or kept and returned letter by letter; all tables stay."""

import re
import uuid

import pytest
from click.testing import CliRunner

from bunter.cli.program import cli
from bunter.contracts.small_camera import fill_small_camera
from bunter.errors import UserError

EVIL = (
    "x'; DROP TABLE collection; --",
    'x"; DROP TABLE collection; --',
    "x') OR 1=1 --",
    "' UNION SELECT name, 1, 2 FROM sqlite_master --",
    "'||(SELECT sql FROM sqlite_master)||'",
    "?1; DELETE FROM dataset",
    ":name %s %(x)s {0} $1 $$",
    "E'\\'; TRUNCATE collection CASCADE; --",
    "x; PRAGMA writable_schema=1; ATTACH 'y' AS z",
    "\\'; SELECT pg_sleep(9); --",
    "/*",
    "*/ DROP TABLE collection",
    "a`b[c]d",
)
KEY = {"instrument": "Cam", "exposure": 0, "detector": 0}


@pytest.fixture
def butler(place):
    fill_small_camera(place)
    place.put({"a": 1}, "thing", run="run1", metadata={"grade": "a"}, **KEY)
    return place


def dump(butler):
    """Everything that the database holds: its tables with their rows."""
    with butler.repository._database.read() as connection:
        if connection.dialect.name == "sqlite":
            named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        else:
            named = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        tables = sorted(name for (name,) in connection.fetchall(named))
        return {name: sorted(map(repr, connection.fetchall(f'SELECT * FROM "{name}"'))) for name in tables}


def assert_only_grew(before, after):
    """No table went, and no row but those of counters and of what is being changed."""
    assert set(before) <= set(after)
    lost = {name: set(rows) - set(after[name]) for name, rows in before.items()}
    assert not {name for name, rows in lost.items() if rows and len(after[name]) < len(before[name])}, lost


def kept_collection(butler, text):
    butler.collections.register(text, "TAGGED", doc=text)
    assert butler.collections.info(text).doc == text
    assert text in butler.collections.query()
    butler.collections.register("chain", "CHAINED")
    butler.collections.redefine_chain("chain", [text])
    assert butler.collections.info("chain").children == (text,)


def kept_run(butler, text):
    butler.collections.register(text)
    ref = butler.put({"t": text}, "thing", run=text, **KEY)
    assert butler.get_dataset(ref.id).run == text
    assert butler.get(ref) == {"t": text}


def kept_doc(butler, text):
    butler.collections.set_doc("run1", text)
    assert butler.collections.info("run1").doc == text


def kept_new_name(butler, text):
    butler.collections.register("old")
    butler.collections.rename("old", text)
    assert butler.collections.info(text).name == text


def kept_dataset_type(butler, text):
    butler.dataset_types.register(text, ["instrument"], "StructuredDataDict")
    assert butler.dataset_types.get(text).name == text


def kept_alias(butler, text):
    butler.dataset_types.alias("thing", text)
    assert butler.dataset_types.aliases[text] == "thing"


def kept_records(butler, text):
    butler.dimension_records.insert("instrument", {"name": text, "class_name": text, "visit_system": 0})
    found = list(butler.query_dimension_records("instrument", instrument=text))
    assert [record.class_name for record in found] == [text]
    found = butler.query_dimension_records("instrument", where="instrument.class_name = v", bind={"v": text})
    assert found.count() == 1


def kept_metadata(butler, text):
    ref = next(iter(butler.query_datasets("thing", "run1")))
    butler.set_metadata(ref, {text: text})
    assert butler.metadata(ref)[text] == text


def asked_metadata(butler, text):
    quoted = '"' + text.replace('"', '""') + '"'
    assert butler.query_datasets("thing", "run1", where=f"thing.metadata.{quoted} = 'x'").count() == 0


def asked_header(butler, text):
    quoted = '"' + text.replace('"', '""') + '"'
    assert butler.query_datasets("thing", "run1", where=f"thing.header.{quoted} = 'x'").count() == 0


def kept_index(butler, text):
    field = butler.index_metadata(f"thing.metadata.{text}")
    assert field in [each for each, _ in butler.metadata_indexes()]


def kept_snapshot(butler, text):
    butler.snapshots.create(text, doc=text)
    assert butler.snapshots.get(text).doc == text


def kept_activity(butler, text):
    with butler.activity(text, key=text, reason=text):
        butler.collections.register(f"c{uuid.uuid4().hex}")
    assert text in [activity.label for activity in butler.activities()]


def asked(butler, text):
    """Whatever is only asked is answered with nothing, or with a user error."""
    literal = "'" + text.replace("'", "''") + "'"
    questions = (
        lambda: butler.query_datasets("thing", "run1", where=f"exposure.obs_id = {literal}").count(),
        lambda: butler.query_datasets("thing", "run1", where=f"exposure.obs_id LIKE {literal}").count(),
        lambda: butler.query_datasets("thing", "run1", where=f"GLOB(exposure.obs_id, {literal})").count(),
        lambda: butler.query_datasets("thing", "run1", where="exposure.obs_id = v", bind={"v": text}).count(),
        lambda: butler.query_datasets("thing", "run1", where="thing.run = v", bind={"v": text}).count(),
        lambda: butler.query_datasets("thing", "run1", where="v", bind={text: 1}).count(),
        lambda: butler.query_datasets("thing", "run1", where=text).count(),
        lambda: butler.query_datasets("thing", text).count(),
        lambda: butler.query_datasets("thing", f"*{text}").count(),
        lambda: butler.query_datasets(text).count(),
        lambda: butler.query_datasets("thing", "run1", instrument=text).count(),
        lambda: butler.query_datasets("thing", "run1", **{text: 1}).count(),
        lambda: butler.query_data_ids(text).count(),
        lambda: butler.query_dimension_records(text).count(),
        lambda: len(list(butler.query_datasets("thing", "run1", order_by=text))) - 1,
        lambda: len(list(butler.query_datasets("thing", "run1", order_by=f"-{text}"))) - 1,
        lambda: len(butler.collections.query(text)),
        lambda: len(butler.dataset_types.query(text)),
        lambda: len(butler.snapshots.query(text)),
        lambda: len(butler.activities(label=text, user=text, host=text)) * 0,
        lambda: int(butler.find_dataset("thing", instrument=text, exposure=0, detector=0) is not None),
        lambda: int(butler.find_dataset("thing", instrument="Cam", exposure=text, detector=0) is not None),
    )
    for number, question in enumerate(questions):
        try:
            assert question() == 0, number
        except UserError as exc:
            assert str(exc), number  # noqa: PT017 - both ends are right
    refused = (
        lambda: butler.packers.get(text, instrument="Cam"),
        lambda: butler.packers.define(text, instrument="Cam"),
        lambda: butler.dataset_types.register("other", ["instrument"], text),
        lambda: butler.dataset_types.register("other", [text], "StructuredDataDict"),
        lambda: butler.clone(as_of=text),
        lambda: butler.snapshots.remove(text),
        lambda: butler.collections.remove(text),
        lambda: butler.dataset_types.remove_alias(text),
        lambda: butler.drop_metadata_index(text),
        lambda: butler.put({}, "thing", run=text, **KEY),
        lambda: butler.dimension_records.insert("instrument", {"name": "x", text: 1}),
    )
    for number, call in enumerate(refused):
        try:
            call()
        except UserError:
            continue
        pytest.fail(f"call {number} took {text!r}")


@pytest.mark.parametrize("text", EVIL)
def test_sql_that_is_asked_finds_nothing_and_changes_nothing(butler, text):
    before = dump(butler)
    asked(butler, text)
    assert dump(butler) == before


KEEPERS = [value for name, value in globals().items() if re.match(r"kept_|asked_", name)]


@pytest.mark.parametrize("keep", KEEPERS, ids=lambda keep: keep.__name__)
def test_sql_that_is_kept_is_kept_letter_by_letter_or_refused(butler, keep):
    for text in EVIL:
        before = dump(butler)
        try:
            keep(butler, text)
        except UserError:
            assert dump(butler).keys() == before.keys()
        assert_only_grew(before, dump(butler))
    assert butler.get("thing", collections="run1", **KEY) == {"a": 1}
    assert butler.check(deep=True).is_clean


def test_sql_in_options_of_commands_is_refused_in_a_sentence_or_finds_nothing(butler):
    root, before = str(butler.root), dump(butler)
    for text in EVIL[:5]:
        for words in (
            ["query-datasets", root, "thing", "--where", text],
            ["query-datasets", root, "thing", "--collections", text],
            ["query-datasets", root, text],
            ["query-datasets", root, "thing", "--order-by", text],
            ["query-collections", root, text],
            ["query-dataset-types", root, text],
            ["query-data-ids", root, text],
            ["query-dimension-records", root, "instrument", "--where", text],
            ["remove-collections", root, text],
            ["remove-runs", root, text],
            ["remove-dataset-type", root, text],
            ["sql", root, text],
        ):
            done = CliRunner().invoke(cli, words)
            assert done.exception is None or isinstance(done.exception, SystemExit | UserError), (words, done.exception)
            assert "Traceback" not in done.output
    assert dump(butler) == before
