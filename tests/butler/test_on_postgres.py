"""Contracts of a repository that have no class for PostgreSQL beside those for folders and memory."""

import pytest

from bunter import Butler
from bunter.contracts.agreement import AgreementContract
from bunter.contracts.annotations import AnnotationContract
from bunter.contracts.calibrations import CalibrationsContract
from bunter.contracts.collections import CollectionsContract
from bunter.contracts.dimension_records import DimensionRecordsContract
from bunter.contracts.metadata_questions import IndexedMetadataContract, MetadataQuestionContract
from bunter.contracts.origins import OriginContract
from bunter.contracts.past import PastContract
from bunter.contracts.queries import QueryContract
from bunter.contracts.query_details import QueryDetailContract
from bunter.contracts.reading_many import ReadingManyContract
from bunter.contracts.sky_explanations import CoverageContract, ExplanationContract, NearMissContract
from bunter.contracts.universe import UniverseContract


class OnPostgres:
    """Supplies what the contracts ask for."""

    @pytest.fixture
    def empty(self, tmp_path, spare_repositories):
        with spare_repositories.lent(tmp_path / "repo") as butler:
            yield butler


class TestAgreement(OnPostgres, AgreementContract):
    pass


class TestReadingMany(OnPostgres, ReadingManyContract):
    pass


class TestAnnotations(OnPostgres, AnnotationContract, OriginContract):
    pass


class OneOnPostgres:
    """Supplies one repository for all tests of a class, which do not write."""

    @pytest.fixture(scope="class")
    @classmethod
    def empty(cls, tmp_path_factory, postgres_server):
        url = postgres_server.url()
        with Butler.create(tmp_path_factory.mktemp("questions") / "repo", database=url) as butler:
            yield butler


class TestMetadataQuestions(OneOnPostgres, MetadataQuestionContract):
    pass


class TestIndexedMetadata(OneOnPostgres, IndexedMetadataContract):
    pass


class TestCalibrations(OnPostgres, CalibrationsContract):
    pass


class TestCollections(OnPostgres, CollectionsContract):
    pass


class TestCoverage(OnPostgres, CoverageContract, NearMissContract):
    pass


class TestDimensionRecords(OnPostgres, DimensionRecordsContract):
    pass


class TestExplanations(OneOnPostgres, ExplanationContract):
    pass


@pytest.mark.slow
class TestPast(OnPostgres, PastContract):
    pass


class TestQuestions(OneOnPostgres, QueryContract):
    pass


class TestQuestionDetails(OneOnPostgres, QueryDetailContract):
    pass


class TestUniverse(OnPostgres, UniverseContract):
    pass
