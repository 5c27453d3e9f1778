import pytest

from bunter.errors import PipelineError
from bunter.pipeline import Pipeline


def check(*contracts, remove=()):
    pipeline = Pipeline.from_text(
        "imports: survey:drp.yaml\ncontracts:\n"
        + "".join(f"- {{contract: {one!r}, msg: no good}}\n" for one in contracts)
    )
    return pipeline.remove(*remove).resolve()


@pytest.mark.parametrize(
    "contract",
    [
        "measure.threshold == 5 and not measure.flags",
        "isr.connections.exposure == measure.connections.exposure",
        "0 <= measure.psf.order < measure.psf.stars * 2",
        "measure.method in ('sep', 'photutils') if isr.do_flat else False",
        "len(measure.flags) == 0",
        "nobody.threshold > 3",
        "isr.saturation / 2 == 25000",
    ],
)
def test_a_contract_that_holds_says_nothing(contract):
    check(contract)


def test_a_contract_that_does_not_hold_says_what_it_means_and_why():
    with pytest.raises(PipelineError) as caught:
        check("measure.threshold > 9")
    assert str(caught.value) == (
        "<text>:3: contract 'measure.threshold > 9' does not hold: no good (measure.threshold is 5.0)"
    )


def test_a_contract_about_a_task_that_was_taken_out_says_nothing():
    check("coadd.connections.warps == 'x'", remove=["coadd", "objects"])


@pytest.mark.parametrize(
    ("contract", "sentence"),
    [
        ("measure.thresold > 3", "no configuration field 'thresold'; did you mean 'threshold'"),
        ("measure.connections.catalgo == 1", "no connection 'catalgo'; did you mean 'catalog'"),
        ("measure.threshold >", "this is no expression"),
        ("__import__('os').system('true')", "is not allowed"),
        ("measure.flags.__class__", "no configuration field 'flags.__class__'"),
        ("[x for x in measure.flags]", "is not allowed"),
        ("measure.threshold < 'a'", "cannot be evaluated"),
        ("'a' * 1000000000 == measure.method", "needs two numbers"),
        ("measure.threshold / 0 > 1", "cannot be evaluated: float division by zero"),
        ("(" * 300 + "1" + ")" * 300, "no expression|nested too deep"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused_and_nothing_runs(contract, sentence):
    with pytest.raises(PipelineError, match=sentence):
        check(contract)
