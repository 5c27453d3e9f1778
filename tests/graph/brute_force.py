"""The definition of a quantum graph, literally: objects and loops, one data ID at a time.

A survey is plain rows: ``records`` (element -> list of dict), ``datasets`` (type -> list of (data ID, id)),
``calibrations`` (type -> list of (data ID, id, begin, end, rank)), ``overlaps`` (two elements -> set of pairs of keys).
A condition has ``dimensions``, ``holds(data_id)`` and ``text``.
"""

from __future__ import annotations

from itertools import combinations, product


class BruteForce:
    """Vetoes are (subject, condition), overrides (dataset type, condition, datasets), awaited inputs (label, connection)."""

    def __init__(
        self, universe, survey, tasks, conditions=(), restrictions=None, *, vetoes=(), overrides=(), awaited=()
    ):
        self.universe, self.survey, self.tasks, self.conditions = universe, survey, tasks, conditions
        self.restrictions = restrictions or {}
        self.vetoes, self.overrides, self.awaited = vetoes, overrides, awaited
        self.made = {c.dataset_type: task.label for task in tasks for c in task.outputs}
        self.rows = {
            e: {tuple(row[d] for d in universe[e].required): row for row in rows} for e, rows in survey.records.items()
        }

    # Data IDs.

    def values(self, dimension):
        target = self.universe[dimension].implied_union_target
        rows = self.survey.records.get(target or dimension, [])
        return sorted({row[dimension] for row in rows if row[dimension] is not None})

    def full(self, required, group):
        data_id = dict(required)
        for name in group.lookup_order:
            element = self.universe[name]
            if element.has_table and not element.skypix:
                row = self.rows[name].get(tuple(data_id[d] for d in element.required))
                if row is None:
                    return None
                for implied in element.implies:
                    if data_id.setdefault(implied, row[implied]) != row[implied]:
                        return None
        return data_id

    def conditions_of(self, group, sides=()):
        """Join tables, and pairs of elements that must overlap, but not those wholly within one side."""
        found = [(e.name, e.name) for e in group.elements if e.always_join]
        for finest in (group.finest_spatial(), group.finest_temporal()):
            found += [(a.name, b.name) for a, b in combinations(finest, 2)]
        needs = lambda a, b: set(self.universe[a].required) | set(self.universe[b].required)  # noqa: E731
        return [(a, b) for a, b in found if not any(needs(a, b) <= set(side.names) for side in sides)]

    def families(self, a, b):
        return frozenset([self.universe[a].spatial, self.universe[b].spatial])

    def fits(self, data_id, a, b):
        one, other = (tuple(data_id[d] for d in self.universe[e].required) for e in (a, b))
        return one in self.rows[a] if a == b else (one, other) in self.survey.overlaps[a, b]

    def domain(self, group, waived=()):
        conditions = [
            pair for pair in self.conditions_of(group) if pair[0] == pair[1] or self.families(*pair) not in waived
        ]
        for chosen in product(*(self.values(d) for d in group.required)):
            data_id = self.full(zip(group.required, chosen, strict=True), group)
            if data_id is not None and all(self.fits(data_id, a, b) for a, b in conditions):
                yield data_id

    def linked(self, one, group, other, other_group):
        if any(one[name] != other[name] for name in one.keys() & other.keys()):
            return False
        both = {**one, **other}
        return all(self.fits(both, a, b) for a, b in self.conditions_of(group | other_group, (group, other_group)))

    # Step 1.

    def addressees(self, w):
        direct = [t for t in self.tasks if w.dimensions <= t.dimensions]
        if direct or set(w.dimensions.names) <= set(w.dimensions.governors):
            return direct, []
        related = [t for t in self.tasks if self.related(w.dimensions, t.dimensions)]
        return [], [t for t in related if not any(o is not t and self.is_below(o.label, t.label) for o in related)]

    def related(self, one, other):
        shared = set(one.names) & set(other.names) - set(one.governors)
        return bool(shared) or any(a != b for a, b in self.conditions_of(one | other, (one, other)))

    def is_below(self, label, upstream):
        task = next(t for t in self.tasks if t.label == label)
        makers = {self.made[c.dataset_type] for c in task.inputs if c.dataset_type in self.made}
        return upstream in makers or any(self.is_below(maker, upstream) for maker in makers)

    def is_vetoed(self, subject, data_id):
        return any(w.holds(data_id) for name, w in self.vetoes if name == subject)

    def is_candidate(self, task, data_id):
        if self.is_vetoed(task.label, data_id):
            return False
        for w in self.conditions:
            direct, linked = self.addressees(w)
            if task in direct and not w.holds(data_id):
                return False
            if task in linked and not any(
                w.holds(other) and self.linked(data_id, task.dimensions, other, w.dimensions)
                for other in self.domain(w.dimensions)
            ):
                return False
        return True

    def readable(self, connection):
        """Existing datasets of an overall input that the conditions leave."""
        for required, id_ in self.survey.datasets.get(connection.dataset_type, []):
            data_id = self.full(required, connection.dimensions)
            if self.is_vetoed(connection.dataset_type, data_id):
                continue
            spoken = [w for w in self.conditions if w.dimensions <= connection.dimensions]
            if connection.kind == "prerequisite" or connection.whole or all(w.holds(data_id) for w in spoken):
                yield data_id, id_

    def valid(self, task, quantum, connection):
        """Calibrations valid in the middle of the quantum's time; of the first collection that has any."""
        finest = task.dimensions.finest_temporal()
        row = self.rows[finest[0].name][tuple(quantum[d] for d in finest[0].required)] if finest else None
        found = {}
        for required, id_, begin, end, rank in self.survey.calibrations[connection.dataset_type]:
            data_id = self.full(required, connection.dimensions)
            linked = self.linked(quantum, task.dimensions, data_id, connection.dimensions)
            if linked and not self.is_vetoed(connection.dataset_type, data_id):
                found.setdefault(tuple(data_id.items()), {}).setdefault(rank, []).append((begin, end, id_))
        for key, ranks in found.items():
            for _, certified in sorted(ranks.items()):
                if row is None:
                    # Without a time: the first collection that has any, if all its ranges are of one dataset.
                    ids = {one[2] for one in certified}
                    yield dict(key), (ids.pop() if len(ids) == 1 else None)
                    break
                middle = row["timespan"][0] + (row["timespan"][1] - row["timespan"][0]) // 2
                if now := [one[2] for one in certified if one[0] <= middle < one[1]]:
                    yield dict(key), now[0]
                    break

    def reads(self, task, quantum, connection):
        """What a candidate can read through a connection: ids of existing datasets, or feasible quanta."""
        own = self.restrictions.get((task.label, connection.name))
        allowed = lambda other: own is None or own.holds({**quantum, **other})  # noqa: E731
        link = lambda other: self.linked(quantum, task.dimensions, other, connection.dimensions)  # noqa: E731
        if connection.dataset_type in self.made:
            producer = self.made[connection.dataset_type]
            return [(producer, i) for i, other in enumerate(self.feasible[producer])
                    for made in self.writes(producer, other, connection.dimensions)
                    if link(made) and allowed(made) and not self.is_vetoed(connection.dataset_type, made)]  # fmt: skip
        if (other := self.overridden(task, quantum, connection)) is not None:
            return [id_ for data_id, id_ in other if link(data_id) and allowed(data_id)]
        if connection.kind == "prerequisite" and connection.dataset_type in self.survey.calibrations:
            return [id_ for data_id, id_ in self.valid(task, quantum, connection) if id_ and allowed(data_id)]
        return [id_ for data_id, id_ in self.readable(connection) if link(data_id) and allowed(data_id)]

    def overridden(self, task, quantum, connection):
        """What the last override that speaks of a quantum lets it read; None without one."""
        found = None
        for name, w, datasets in self.overrides:
            if name == connection.dataset_type and w.dimensions <= task.dimensions and w.holds(quantum):
                found = [(self.full(required, connection.dimensions), id_) for required, id_ in datasets]
        return found

    def has_enough(self, task, quantum, inputs):
        """Whether nothing is missing; a quantum for which several calibrations are certified stays, to be refused."""
        every = (*task.inputs, *task.prerequisites)
        return all(
            len(inputs[c.name]) >= c.minimum or (task.label, c.name) in self.awaited or self.is_torn(task, quantum, c)
            for c in every
        )

    def without_waiting(self, planned):
        """Leave out planned quanta that lack an awaited input, and those that read what they would make."""

        def lacks(q, c):
            few = len(self.edges[q][c.name]) < c.minimum
            return few and not self.is_torn(self.task(q[0]), self.data_id(q), c)

        waits = {
            q for q in planned for c in (*self.task(q[0]).inputs, *self.task(q[0]).prerequisites)
            if (q[0], c.name) in self.awaited and lacks(q, c)
        }  # fmt: skip
        while more := {q for q in planned - waits if self.parents(q) & waits}:
            waits |= more
        return planned - waits

    def data_id(self, quantum):
        return self.feasible[quantum[0]][quantum[1]]

    def is_torn(self, task, quantum, connection):
        if connection.kind != "prerequisite" or connection.dataset_type not in self.survey.calibrations:
            return False
        if self.overridden(task, quantum, connection) is not None:
            return False
        return any(id_ is None for _, id_ in self.valid(task, quantum, connection))

    def writes(self, label, quantum, group):
        own = self.task(label).dimensions
        if group <= own:
            return [self.project(quantum, group)]
        return [data_id for data_id in self.domain(group) if self.linked(quantum, own, data_id, group)]

    @staticmethod
    def project(data_id, group):
        return {name: data_id[name] for name in group.names}

    # Steps 2 to 6.

    def closure(self):
        self.feasible, self.edges = {}, {}
        for task in self.tasks:
            waived = {
                self.families(a, b)
                for c in task.inputs if c.minimum > 0 and (task.label, c.name) not in self.awaited
                for a, b in self.conditions_of(task.dimensions | c.dimensions, (task.dimensions, c.dimensions)) if a != b
            }  # fmt: skip
            self.feasible[task.label] = []
            for data_id in self.domain(task.dimensions, waived):
                inputs = {c.name: self.reads(task, data_id, c) for c in (*task.inputs, *task.prerequisites)}
                if self.has_enough(task, data_id, inputs) and self.is_candidate(task, data_id):
                    self.edges[task.label, len(self.feasible[task.label])] = inputs
                    self.feasible[task.label].append(data_id)
        every = set(self.edges)
        targets = {q for q in every if all(self.meets(q, w) for w in self.conditions)}
        planned, pending = set(targets), list(targets)
        while pending:
            for parent in self.parents(pending.pop()) - planned:
                planned.add(parent)
                pending.append(parent)
        idle = {task.label for task in self.tasks} - {label for label, _ in targets}
        while more := {q for q in every - planned if q[0] in idle and self.parents(q) and self.parents(q) <= planned}:
            planned |= more
        return planned

    def strict(self):
        """One join of everything that hangs together; every quantum and edge is a part of some row of it."""
        self.feasible, self.edges = {}, {}
        rows = {}
        for tasks in self.components():
            joined = list(self.join(tasks))
            rows |= {task.label: joined for task in tasks}
        for task in self.tasks:
            label, connections = task.label, (*task.inputs, *task.prerequisites)
            self.feasible[label] = []
            parts = [self.project(row, task.dimensions) for row in rows[label]]
            for data_id in [part for i, part in enumerate(parts) if part not in parts[:i]]:
                own = [row for row in rows[label] if data_id.items() <= row.items()]
                inputs = {c.name: self.reads_of_rows(task, data_id, c, own) for c in connections}
                if self.has_enough(task, data_id, inputs):
                    self.edges[label, len(self.feasible[label])] = inputs
                    self.feasible[label].append(data_id)
        return set(self.edges)

    def components(self):
        left = list(self.tasks)
        while left:
            found = [left.pop(0)]
            names = lambda task: {c.dataset_type for c in task.connections} & set(self.made)  # noqa: E731
            while more := [t for t in left if any(names(t) & names(other) for other in found)]:
                found += more
                left = [t for t in left if t not in more]
            yield [t for t in self.tasks if t in found]

    def join(self, tasks):
        inputs = [c for t in tasks for c in t.inputs]
        group = self.universe.conform(
            {d for t in tasks for c in (t, *t.inputs, *t.outputs) for d in c.dimensions.names}
            | {d for w in self.conditions for d in w.dimensions.names}
        )
        searched = [c for c in inputs if c.minimum and c.dataset_type not in self.made]
        there = {c.dataset_type: [d for d, _ in self.survey.datasets.get(c.dataset_type, [])] for c in searched}
        for row in self.domain(group):
            exist = all(any(d.items() <= row.items() for d in found) for found in there.values())
            if exist and all(w.holds(row) for w in self.conditions):
                yield row

    def reads_of_rows(self, task, quantum, connection, rows):
        if connection.kind == "prerequisite":
            return self.reads(task, quantum, connection)
        kept, self.linked = (
            self.linked,
            lambda one, group, other, other_group: any(other.items() <= row.items() for row in rows),
        )
        conditions, self.conditions = self.conditions, ()
        found = self.reads(task, quantum, connection)
        self.linked, self.conditions = kept, conditions
        return found

    def parents(self, quantum):
        return {p for found in self.edges[quantum].values() for p in found if isinstance(p, tuple)}

    def children(self, quantum):
        return {other for other in self.edges if quantum in self.parents(other)}

    def meets(self, quantum, w):
        if set(w.dimensions.names) <= set(w.dimensions.governors):
            return True
        direct, linked = self.addressees(w)
        about = {t.label for t in direct + linked} or {
            t.label for t in self.tasks
            if any(w.dimensions <= c.dimensions and not c.whole and c.dataset_type not in self.made for c in t.inputs)
        }  # fmt: skip
        return self.reaches(quantum, about, self.parents) or self.reaches(quantum, about, self.children)

    def reaches(self, quantum, about, step):
        return quantum[0] in about or any(self.reaches(other, about, step) for other in step(quantum))

    def outcome(self, planned):
        """Planned quanta and their inputs as plain values."""

        def name(q):
            return (
                q[0],
                tuple(sorted(self.project(self.feasible[q[0]][q[1]], self.task(q[0]).dimensions).items())),
            )

        return {
            name(q): {
                c: sorted(str(name(p)) if isinstance(p, tuple) else p.hex() for p in found)
                for c, found in self.edges[q].items()
            }
            for q in planned
        }

    def task(self, label):
        return next(t for t in self.tasks if t.label == label)
