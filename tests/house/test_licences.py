"""What `pip install bunter` brings along, and under which licences."""

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|Unlicense|Zlib|CNRI|0BSD|CC0|Public Domain)",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"\b(L?A?GPL|(Lesser |Affero )?General Public License)", re.IGNORECASE)
# lsst-sphgeom is under BSD or GPL at the user's choice, and brings hpgeom along.
GPL_ALLOWED = {"hpgeom"}


def closure(name, extras=frozenset(), found=None):
    """All distributions that a distribution needs here, itself included."""
    found = {} if found is None else found
    key = canonicalize_name(name)
    if key in found and not extras:
        return found
    found[key] = distribution(name)
    for text in found[key].requires or []:
        need = Requirement(text)
        wanted = [{"extra": extra} for extra in extras] or [{"extra": ""}]
        if need.marker is None or any(need.marker.evaluate(one) for one in wanted):
            _add(need, name, found)
    return found


def _add(need, name, found):
    if canonicalize_name(need.name) not in found or need.extras:
        try:
            closure(need.name, frozenset(need.extras), found)
        except PackageNotFoundError:
            pytest.fail(f"{need.name}, which {name} needs, is not installed")


def licence_of(found):
    """What a distribution says of its licence: expression, classifiers, or the first words of its text."""
    said = [found.metadata.get("License-Expression") or ""]
    said += [one for one in found.metadata.get_all("Classifier") or [] if one.startswith("License")]
    said.append((found.metadata.get("License") or "")[:200])
    return " | ".join(one for one in said if one and one != "License :: OSI Approved")


def choices(licence):
    """The licences from which a user may choose."""
    return re.split(r"\bOR\b|\||\bor\b", licence)


@pytest.fixture(scope="module")
def installed():
    return closure("bunter")


def test_every_licence_is_known_and_permissive_but_for_one(installed):
    odd = {}
    for name, found in installed.items():
        licence = licence_of(found)
        free = [one for one in choices(licence) if PERMISSIVE.search(one) and not COPYLEFT.search(one)]
        if not free:
            odd[name] = licence
    assert set(odd) <= GPL_ALLOWED, odd


def test_the_one_exception_is_still_there(installed):
    assert not GPL_ALLOWED - set(installed), "GPL_ALLOWED names a package that is not needed any more; take it out"


def test_the_core_is_small(installed):
    assert len(installed) <= 45, sorted(installed)
