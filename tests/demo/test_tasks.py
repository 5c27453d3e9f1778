from pathlib import Path

import numpy as np
import pytest

import bunter.demo
from bunter.demo.reduction.planes import Plane, planes_of
from bunter.demo.tasks.calibrate import CalibrateTask
from bunter.demo.tasks.coadd import CoaddTask
from bunter.demo.tasks.combine_bias import CombineBiasTask
from bunter.demo.tasks.combine_flat import CombineFlatTask
from bunter.demo.tasks.isr import IsrTask
from bunter.demo.tasks.measure import MeasureTask
from bunter.demo.tasks.objects import ObjectsTask
from bunter.demo.tasks.summarize import SummarizeTask
from bunter.demo.tasks.warp import WarpTask
from bunter.ingest import SkyMap
from bunter.pipeline import InMemoryDataset, NoWorkFound, run_task
from bunter.pipeline.pipeline import Pipeline

HERE = {"skymap": "demo", "tract": 0, "patch": 1}


@pytest.fixture(scope="module")
def skymap():
    return SkyMap.from_yaml(Path(bunter.demo.__file__).parent / "pipelines/skymap.yaml").to_dict()


@pytest.mark.parametrize(("name", "tasks"), [("calibrations", 2), ("science", 7)])
def test_the_pipelines_resolve(name, tasks):
    graph = Pipeline.from_file(f"bunter.demo:pipelines/{name}.yaml").resolve()
    assert len(graph.tasks) == tasks


def test_calibration_tasks_combine_frames(reduced):
    raws = {
        kind: [reduced.raws[e.seq_num] for e in reduced.night.exposures if e.observation_type == kind][:3]
        for kind in ("bias", "flat")
    }
    bias = run_task(CombineBiasTask, raws=raws["bias"]).bias
    flat = run_task(CombineFlatTask, {"clip_sigma": 4}, raws=raws["flat"], bias=bias).flat
    assert flat.header["NCOMBINE"] == 3
    assert flat.unit == ""


def test_isr_counts_what_it_marked(reduced):
    e = reduced.science("r")[0]
    result = run_task(IsrTask, raw=reduced.raws[e.seq_num], bias=reduced.bias, flat=reduced.flats["r"])
    assert result.metadata_["hot_pixels"] > 10
    assert result.metadata_["cosmic_ray_pixels"] > 50
    left = run_task(
        IsrTask, {"cosmic_ray_sigma": 0}, raw=reduced.raws[e.seq_num], bias=reduced.bias, flat=reduced.flats["r"]
    )
    assert left.metadata_["cosmic_ray_pixels"] == 0


def test_a_frame_becomes_a_calibrated_frame_and_a_summary(reduced):
    e = reduced.science("r")[0]
    image = InMemoryDataset(reduced.images[e.seq_num])
    measured = run_task(MeasureTask, images=[image])
    refcat = reduced.references(e)
    shards = [refcat[::2], refcat[1::2]]
    result = run_task(
        CalibrateTask, images=[image], sources=measured.sources, background=measured.background, refcat=shards
    )
    assert result.metadata_["n_calibrators"] == result.src.meta["n_calibrators"] > 20
    assert result.calexp.unit == "nJy"
    srcs = [InMemoryDataset(result.src, {"detector": detector}) for detector in (0, 3)]
    summary = run_task(SummarizeTask, srcs=srcs).summary
    assert list(summary["detector"]) == [0, 3]


def test_frames_become_coadds_and_objects(reduced, skymap):
    coadds = []
    for band in "gr":
        warps = [
            run_task(WarpTask, data_id=HERE, calexps=[InMemoryDataset(reduced.calexps[e.seq_num])], skymap=skymap).warp
            for e in reduced.science(band)
        ]
        result = run_task(CoaddTask, data_id=HERE, warps=[InMemoryDataset(w) for w in warps], skymap=skymap)
        assert result.preview.startswith(b"\x89PNG")
        assert result.coadd.shape == (910, 910)
        coadds.append(InMemoryDataset(result.coadd, {**HERE, "band": band}))
    result = run_task(ObjectsTask, data_id=HERE, coadds=coadds, skymap=skymap)
    assert result.metadata_["objects"] == len(result.objects) > 50
    assert set(result.objects["patch"]) == {1}
    covered = (planes_of(coadds[1].get()) & int(Plane.NO_DATA)) == 0
    assert 0.05 < np.mean(covered) < 0.5


def test_a_visit_beside_the_patch_is_no_work(reduced, skymap):
    calexp = InMemoryDataset(reduced.calexps[reduced.science("r")[0].seq_num])
    far = {**skymap, "centres": [[20.0, 30.0]]}
    with pytest.raises(NoWorkFound):
        run_task(WarpTask, data_id=HERE, calexps=[calexp], skymap=far)
