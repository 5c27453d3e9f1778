"""One of several processes at a repository: opens it, says so, waits for the start, works, tells how it went; all as JSON."""

import json
import sys
import time
import traceback
from pathlib import Path

from bunter import Butler
from bunter.errors import ConflictingDatasetError

KEY = {"instrument": "Cam"}


def delayed_s():
    """How long this thread stood ready to run while others had the cores, in seconds since it began."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def timed(call):
    """Time of a call in seconds by the clock, less what the kernel says the thread stood in line for a core."""
    delay, begin = delayed_s(), time.perf_counter()
    call()
    end = time.perf_counter()
    return max(0.0, end - begin - (delayed_s() - delay))


def puts(butler, me, count, root):
    """Put datasets of my own, one by one."""

    def put(number):
        butler.put({"e": number, "d": me}, "thing", run="run1", exposure=number, detector=me, **KEY)

    return [timed(lambda n=n: put(n)) for n in range(count)]


def reads(butler, me, count, root):
    """Ask for one row, in two ways, until told to stop; return the times."""
    ref = next(iter(butler.query_datasets("known", "fixed")))
    where = "exposure = 0 AND detector = 0"

    def ask(number):
        if number % 2:
            assert butler.find_dataset("known", exposure=0, detector=0, **KEY) == ref
        else:
            assert len(list(butler.query_datasets("known", "fixed", where=where, instrument="Cam"))) == 1

    times = []
    stop = Path(root).with_name("stop")
    while not stop.exists():
        times.append(timed(lambda: ask(len(times))))
        time.sleep(0.002)
    return times


def registrations(butler, me, count, root):
    """Register what everybody registers: records, dataset types, collections, chains."""
    for n in range(count):
        name = f"shared{n}"
        butler.dimension_records.sync("instrument", {"name": name, "class_name": "c", "visit_system": 0})
        butler.dimension_records.sync(
            "detector", [{"instrument": name, "id": d, "full_name": f"D{d}"} for d in range(5)]
        )
        butler.dimension_records.insert("skymap", {"name": name, "hash": name.encode()}, skip_existing=True)
        butler.dataset_types.register(f"type{n}", ["instrument", "detector"], "StructuredDataDict")
        for kind in ("RUN", "TAGGED", "CALIBRATION", "CHAINED"):
            butler.collections.register(f"{name}/{kind}", kind, doc="everybody's")
        butler.collections.redefine_chain(f"{name}/CHAINED", [f"{name}/RUN", f"{name}/TAGGED"])
        butler.collections.register(f"own/{me}/{n}")
        butler.collections.prepend_chain("everything", f"own/{me}/{n}")
        Butler(root, run=f"{name}/opened").close()
    return []


def equal(butler, me, count, root):
    """Put the same content as everybody; return the ids."""
    return [str(butler.put({"n": n}, "thing", run="run1", exposure=n, detector=0, **KEY).id) for n in range(count)]


def bulk(butler, me, count, root):
    """Put the same content as everybody, five at once, each process from another place on; return ids by exposure."""
    ids = {}
    for begin in range(0, count, 5):
        numbers = [(begin + me * 3 + n) % count for n in range(5)]
        data_ids = [{**KEY, "exposure": n, "detector": 0} for n in numbers]
        for n, ref in zip(
            numbers, butler.put_many([{"n": n} for n in numbers], "thing", data_ids, run="run1"), strict=True
        ):
            ids.setdefault(n, set()).add(str(ref.id))
    return {n: sorted(each) for n, each in ids.items()}


def different(butler, me, count, root):
    """Put content of my own where everybody does; return which were mine."""
    won = []
    for n in range(count):
        try:
            butler.put({"me": me}, "thing", run="run1", exposure=n, detector=0, **KEY)
            won.append(n)
        except ConflictingDatasetError as exc:
            if "other content" not in str(exc):
                raise
    return won


def told(**facts):
    print(json.dumps(facts), flush=True)  # noqa: T201 - read by who started this


def work(action, root, me, count):
    with Butler(root, writeable=action != "reads") as butler:
        told(ready=True)
        sys.stdin.readline()
        return globals()[action](butler, me, count, root)


def main():
    for line in sys.stdin:
        try:
            told(result=work(*json.loads(line)))
        except Exception:  # noqa: BLE001 - whatever it is, the test shows it
            told(error=traceback.format_exc())


if __name__ == "__main__":
    main()
