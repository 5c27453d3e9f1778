import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunter.errors import PipelineError
from bunter.pipeline.selecting import select_labels, select_tasks
from bunter.pipeline.wiring import Wiring

#   raw -> isr -> post -> measure -> source -> calibrate -> calexp -> warp -> warped -> coadd -> deep
#                   \------------------------/                \-> plot -> picture
WIRING = Wiring(
    {
        "isr": ("raw",), "measure": ("post",), "calibrate": ("post", "source"), "plot": ("calexp",), "warp": ("calexp",),
        "coadd": ("warped",),
    },
    {
        "isr": ("post",), "measure": ("source",), "calibrate": ("calexp",), "plot": ("picture",), "warp": ("warped",),
        "coadd": ("deep",),
    },
)  # fmt: skip
SUBSETS = {"plots": ("plot",), "frames": ("isr", "measure", "calibrate")}
LABELS = list(WIRING.reads)


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("isr", "isr"),
        ("warp, isr", "isr warp"),
        ("plots", "plot"),
        ("frames,coadd", "isr measure calibrate coadd"),
        ("isr..calibrate", "isr measure calibrate"),
        ("calibrate..", "calibrate plot warp coadd"),
        ("..warp", "isr measure calibrate warp"),
        ("isr..isr", "isr"),
        ("measure..warp,plots", "measure calibrate plot warp"),
    ],
)
def test_labels_subsets_and_ranges_choose_a_part(spec, labels):
    assert select_labels(spec, WIRING, SUBSETS) == labels.split()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("wrap", "'wrap' in '#wrap' is no task or subset; did you mean 'warp'"),
        ("isr,,warp", "'' in '#isr,,warp' is no task or subset"),
        ("coadd..isr", "no path leads from 'coadd' to 'isr'"),
        ("isr..wrap", "no task 'wrap'; did you mean 'warp'"),
        ("..", "no task or subset"),
    ],
)
def test_a_part_that_is_none_is_refused(spec, sentence):
    with pytest.raises(PipelineError, match=sentence):
        select_labels(spec, WIRING, SUBSETS)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("isr", "isr"),
        (">= warp", "warp coadd"),
        ("> calexp", "plot warp coadd"),
        ("< calexp", "isr measure calibrate"),
        ("< calibrate & ~isr", "measure"),
        (">= calibrate & ~S:plots", "calibrate warp coadd"),
        ("~(>= warp | S:plots)", "isr measure calibrate"),
        ("T:isr|T:coadd", "isr coadd"),
        ("< > measure", "isr measure calibrate plot warp coadd"),
    ],
)
def test_set_expressions_choose_a_part(expression, labels):
    assert select_tasks(expression, WIRING, SUBSETS) == labels.split()


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("isr &", r"missing here\n  isr &\n       \^"),
        ("isr warp", r"an operator is missing here\n  isr warp\n      \^"),
        ("(isr", r"a '\)' is missing here"),
        ("isr $ warp", "no label or operator"),
        ("wrap", "'wrap' is no task, dataset type or subset; did you mean 'warp'"),
        ("S:isr", "is no task, dataset type or subset"),
        ("raw", "selects no task"),
        ("", "missing here"),
        ("(" * 500 + "isr" + ")" * 500, "nested more than 100 deep"),
        ("isr" * 5000, "more than 10000 characters"),
    ],
)
def test_an_expression_that_cannot_be_meant_is_refused_with_its_place(expression, sentence):
    with pytest.raises(PipelineError, match=sentence):
        select_tasks(expression, WIRING, SUBSETS)


def test_a_name_with_two_meanings_is_a_task_unless_it_says_otherwise():
    wiring = Wiring({"warp": (), "coadd": ("warp",)}, {"warp": ("warp",), "coadd": ("coadd",)})
    assert select_tasks(">= warp", wiring, {}) == ["warp", "coadd"]
    assert select_tasks(">= D:warp", wiring, {}) == ["coadd"]


NODES = WIRING.nodes()


def reach(nodes, edges):
    """Transitive closure, the slow way."""
    found = set()
    while True:
        more = {b for a, b in edges if a in nodes | found} - found
        if not more:
            return found
        found |= more


EDGES = {(f"D:{n}", f"T:{t}") for t, ns in WIRING.reads.items() for n in ns}
EDGES |= {(f"T:{t}", f"D:{n}") for t, ns in WIRING.writes.items() for n in ns}
BACK = {(b, a) for a, b in EDGES}


def operand(name):
    return name, frozenset({name} if name[0] != "S" else {f"T:{x}" for x in SUBSETS[name[2:]]})


def combine(children):
    def unary(pair):
        sign, (text, nodes) = pair
        meanings = {
            "~": lambda: NODES - nodes,
            "<": lambda: reach(nodes, BACK),
            ">": lambda: reach(nodes, EDGES),
            "<=": lambda: reach(nodes, BACK) | nodes,
            ">=": lambda: reach(nodes, EDGES) | nodes,
        }
        return f"{sign}({text})", frozenset(meanings[sign]())

    def binary(triple):
        sign, (one, left), (other, right) = triple
        return f"({one}) {sign} ({other})", left | right if sign == "|" else left & right

    signs = st.sampled_from(["~", "<", ">", "<=", ">="])
    return st.tuples(signs, children).map(unary) | st.tuples(st.sampled_from("|&"), children, children).map(binary)


@given(st.recursive(st.sampled_from(sorted(NODES) + [f"S:{name}" for name in SUBSETS]).map(operand), combine))
def test_an_expression_means_what_its_sets_mean(pair):
    text, nodes = pair
    expected = [label for label in LABELS if f"T:{label}" in nodes]
    if expected:
        assert select_tasks(text, WIRING, SUBSETS) == expected
    else:
        with pytest.raises(PipelineError, match="selects no task"):
            select_tasks(text, WIRING, SUBSETS)


PARTS = st.sampled_from([*LABELS, *SUBSETS, *[f"{label}.." for label in LABELS], *[f"..{label}" for label in LABELS]])


@given(st.lists(PARTS, min_size=1, max_size=5), st.lists(PARTS, min_size=1, max_size=5))
def test_a_list_chooses_the_union_of_its_parts_in_the_order_of_the_pipeline(one, other):
    def chosen(parts):
        return select_labels(",".join(parts), WIRING, SUBSETS)

    assert set(chosen(one + other)) == set(chosen(one)) | set(chosen(other))
    assert chosen(one + other) == chosen(other + one) == [label for label in LABELS if label in chosen(one + other)]


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_producers_come_before_consumers_whatever_the_order_of_the_file(count, random):
    labels = [f"t{i}" for i in range(count)]
    reads = {f"t{i}": tuple(f"d{j}" for j in range(i) if random.random() < 0.3) for i in range(count)}
    random.shuffle(labels)
    wiring = Wiring({one: reads[one] for one in labels}, {one: (f"d{one[1:]}",) for one in labels})
    order = wiring.ordered()
    assert sorted(order) == sorted(labels)
    assert all(order.index(f"t{name[1:]}") < order.index(one) for one in labels for name in reads[one])


def test_a_circle_is_named_from_one_task_round_to_itself():
    wiring = Wiring(
        {"a": ("z",), "b": ("x",), "c": ("y",), "d": ("z",)}, {"a": ("x",), "b": ("y",), "c": ("z",), "d": ()}
    )
    with pytest.raises(PipelineError, match=r"a --\[x\]--> b --\[y\]--> c --\[z\]--> a; rename") as caught:
        wiring.ordered()
    assert " d" not in str(caught.value)


def test_a_task_that_reads_what_it_writes_is_a_circle_of_one():
    with pytest.raises(PipelineError, match=r"a --\[x\]--> a;"):
        Wiring({"a": ("x",)}, {"a": ("x",)}).ordered()
