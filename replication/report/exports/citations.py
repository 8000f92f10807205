"""Citations as BibTeX: of the publications that are replicated, of where their numbers were read, of the suite.

Nothing is typed here. A publication is cited as the `paper` of an experiment or of a variant words it, a source of
numbers as its row of judges.csv does.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable

from replication.foundation.errors import unknown_name
from replication.foundation.paths import PROJECT
from replication.foundation.validation import read_yaml
from replication.published.loader import published_table
from replication.specification.experiments import Experiment, experiment_path, known_experiments
from replication.specification.loading import known_names, load_variant

_PAPER = re.compile(r"(?P<authors>[^\d;]+?),? (?P<year>(?:19|20)\d\d), (?P<title>.+)")
"""`Authors YEAR, Title[, where it appeared]`, as citations are worded throughout."""
_VENUE = re.compile(r", (?P<venue>(?:arXiv|Nature|NeurIPS|[A-Z]{4,})\b.*|PhD thesis.*|University of .*)$")
_PLACE = re.compile(r", (?:sections?|Table|Figure) .*$")
"""In the publication: no part of its title."""
_REPOSITORY = re.compile(r"(?P<place>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)(?: (?P<commit>[0-9a-f]{7,40}))?\b")
_SMALL = {"a", "an", "the", "on", "of", "when", "to", "with"}
"""Words that a key does not take from a title."""


def cited_by(experiment: Experiment) -> list[str]:
    """Return the entries of an experiment: its publication, those of its algorithms, its source of numbers."""
    variants = dict.fromkeys(name for group in experiment.groups for name in group.variants)
    papers = [experiment.paper, *(load_variant(name).paper for name in variants)]
    entries = _entries_of(papers) or [entry_of_paper(experiment.paper)]
    if experiment.published is not None:
        entries.append(entry_of_source(experiment.published.source))
    return _once(entries)


def all_cited() -> list[str]:
    """Return the entries of all experiments and of all sources that judge."""
    papers = [str(read_yaml(experiment_path(name))["paper"]) for name in known_experiments()]
    papers += [load_variant(name).paper for name in known_names("algorithms")]
    return _once([*_entries_of(papers), *(entry_of_source(name) for name in sources())])


def sources() -> list[str]:
    """List the published sources that judge."""
    return [str(name) for name in published_table("judges")["name"]]


def entry_of_paper(text: str) -> str:
    """Return the entry of a publication.

    Args:
        text: `Authors YEAR, Title, where it appeared`; a text of another form is the title of an entry without author
            and year.
    """
    found = _PAPER.fullmatch(text)
    if found is None:
        return _entry("misc", _plain(text), {"title": text})
    title, venue = _PLACE.sub("", found["title"]), ""
    if (at := _VENUE.search(title)) is not None:
        title, venue = title[: at.start()], at["venue"]
    authors = _authors(found["authors"])
    word = next((each for each in _words(title) if each not in _SMALL), "")
    key = f"{_plain(authors[0])}{found['year']}{word}"
    fields = {"author": " and ".join(authors), "title": title, "year": found["year"], "howpublished": venue}
    return _entry("misc", key, fields)


def entry_of_source(name: str) -> str:
    """Return the entry of the file or repository that published numbers were read from.

    Raises:
        ReplicationError: judges.csv has no such row.
    """
    rows = {str(row["name"]): row for row in published_table("judges").to_dict("records")}
    if name not in rows:
        raise unknown_name("published source", name, rows)
    row = rows[name]
    read_from = str(row["source"])
    found = _REPOSITORY.search(read_from)
    fields = {"title": row["title"] or name, "howpublished": read_from}
    if found is not None and found["commit"]:
        fields["version"] = found["commit"]
    return _entry("misc", f"numbers_{name}", fields | {"note": f"numbers {row['origin']}; file {name}"})


def entry_of_suite() -> str:
    """Return the entry of this program."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    fields = {
        "author": "{" + "} and {".join(author["name"] for author in project["authors"]) + "}",
        "title": f"{project['name']}: {project['description']}",
        "version": project["version"],
        "note": "name the commit that made the results you use; it is in their run.json",
    }
    return _entry("software", project["name"], fields)


def _entries_of(papers: Iterable[str]) -> list[str]:
    """Return the entries of the publications that texts name, several with semicolons between; others are left out."""
    parts = (part for paper in papers for part in paper.split("; "))
    return [entry_of_paper(part) for part in parts if _PAPER.fullmatch(part)]


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{_escaped(value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _authors(text: str) -> list[str]:
    """Split `A, B and C`, `A & B`, `A et al.` into authors, as BibTeX tells them apart."""
    names = re.split(r", and | and | & |, ", text.replace(", et al.", " et al."))
    found: list[str] = []
    for name in names:
        alone, is_more = name.removesuffix(" et al."), name.endswith(" et al.")
        found.append(f"{{{alone}}}" if " " in alone else alone)
        found += ["others"] if is_more else []
    return found


def _words(text: str) -> list[str]:
    return [_plain(word) for word in re.split(r"[\s:-]+", text) if _plain(word)]


def _plain(text: str) -> str:
    """Return the letters and digits of a text, small and without accents, as a key has them."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text).lower())


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_])", r"\\\1", text)


def _once(entries: Iterable[str]) -> list[str]:
    """Return one entry for each key, the one that says most, in the order of keys."""
    found: dict[str, str] = {}
    for entry in entries:
        key = entry.partition("{")[2].partition(",")[0]
        found[key] = max(found.get(key, ""), entry, key=len)
    return [found[key] for key in sorted(found)]
