"""Makes checks from templates, lists of targets, and the sets of checks that healthmgr brings along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from healthmgr.definitions.composing import MAX_VALUES, Location, Node, attach, format_path
from healthmgr.definitions.document import Document, read_document
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.filling import PLACEHOLDER, Filling, Values, overlay, without
from healthmgr.definitions.gathering import gather
from healthmgr.definitions.spelling import respell
from healthmgr.definitions.spelling_alerting import SECTION_NAMES, respell_section
from healthmgr.definitions.spelling_runbooks import RUNBOOKS, respell_runbooks
from healthmgr.errors import DefinitionError, Problem

SETS = Path(__file__).parents[1] / "defaults"
TEMPLATE, WITH, FOR_EACH, ITEM = "template", "with", "for_each", "item"

_MAKING = (TEMPLATE, WITH, FOR_EACH)


def load_document(path: Path) -> Document:
    """The document at a path with everything that is written for brevity written out.

    Raises DefinitionError when there is no document; what else is wrong is among its problems.
    """
    return _Expanding(gather(path)).expand()


def set_names() -> tuple[str, ...]:
    """The sets of checks that `use` can name."""
    return tuple(sorted(path.stem for path in SETS.glob("*.yaml")))


class _Expanding:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._problems = list(document.problems)
        self._expanded: set[str] = set()
        self._sets: dict[str, Node] = {}
        self._runbooks: dict[str, Node] = {}
        self._left_out: set[str] = set()

    def expand(self) -> Document:
        """The document with nothing in it but plain sections."""
        root = self._document.root
        if not isinstance(root.data, dict):
            return self._document
        plain = Node({}, root.line, root.file)
        templates = {name: self._respelled(node, "templates", name) for name, node in self._entries("templates")}
        for name, _ in self._entries("use"):
            self._use(name)
        for key, child in root.children.items():
            if key == "defaults":
                attach(plain, key, root.keys[key], self._respelled(child, key))
            elif key not in ("templates", "use") and (key != "checks" or not isinstance(child.data, dict | None)):
                self._attach_section(plain, str(key), child)
        self._attach_runbooks(plain)
        checks = root.children.get("checks")
        is_fit = checks is None or checks.data is None or isinstance(checks.data, dict)
        if is_fit and (checks is not None or self._sets):
            attach(plain, "checks", root.keys.get("checks", root.line), self._checks(checks, templates))
        return replace(self._document, root=plain, problems=tuple(self._problems), expanded=frozenset(self._expanded))

    def _attach_section(self, plain: Node, key: str, child: Node) -> None:
        name = SECTION_NAMES.get(key, key)
        if name != key and (name in self._document.root.children or name in plain.children):
            self._say(f"says the same as {name}: keep one of them", (key,))
            return

        def say(message: str, place: Location) -> None:
            self._say(message, (key, *place[1:]))  # as the file calls it, where its line is found

        attach(plain, name, self._document.root.keys[key], respell_section(name, child, say))

    def _attach_runbooks(self, plain: Node) -> None:
        """Beside the runbooks of the sets, which a file may say something else of."""
        own = plain.children.get(RUNBOOKS) or Node({}, plain.line, plain.file)
        if not self._runbooks or not isinstance(own.data, dict):
            return
        made = Node({}, own.line, own.file)
        for name, node in self._runbooks.items():
            said = own.children.get(name)
            line = own.keys.get(name, node.line)
            attach(made, name, line, overlay(node, said) if said is not None and isinstance(said.data, dict) else node)
        for key, child in own.children.items():
            if key not in made.children:
                attach(made, key, own.keys[key], child)
        attach(plain, RUNBOOKS, plain.keys.get(RUNBOOKS, own.line), made)

    def _checks(self, written: Node | None, templates: Values) -> Node:
        made = Node({}, self._document.root.line if written is None else written.line, self._document.root.file)
        own = written.children if written is not None else {}
        for slug, node in self._sets.items():
            if slug not in own:
                attach(made, slug, node.line, node)
        for key, child in own.items():
            if key in self._left_out:
                continue
            entry = self._respelled(child, "checks", str(key))
            line = written.keys[key] if written is not None else entry.line
            if not isinstance(entry.data, dict):
                attach(made, key, line, entry)
            elif key in self._sets:
                attach(made, key, line, overlay(self._sets[str(key)], entry))
            elif not any(word in entry.children for word in _MAKING):
                attach(made, key, line, entry)
            else:
                self._make(made, str(key), line, entry, templates)
        return made

    def _make(self, made: Node, key: str, line: int, entry: Node, templates: Values) -> None:
        place: Location = ("checks", key)
        pattern = self._pattern(entry, place, templates)
        targets = list(self._targets(entry, place))
        if pattern is None:
            return
        if FOR_EACH in entry.children and not PLACEHOLDER.search(key):
            self._say('needs a placeholder in its name, such as "site-{{ name }}", for its targets differ', place)
            return
        for values, values_place, target_line in targets:
            filling = Filling(values)
            slug = str(filling.text(key))
            filled = filling.fill(pattern)
            for message in filling.faults:
                self._say(message, values_place)
            for name in sorted(set(values) - filling.used):
                self._say(f"is used nowhere{did_you_mean(name, filling.wanted)}", (*values_place, name))
            if filling.faults:
                continue
            if slug in made.children or (slug != key and slug in self._document.root.children["checks"].children):
                self._say(f"makes check {shown(slug)} a second time: its name has to differ", values_place)
                continue
            if made.size + filled.size > MAX_VALUES:
                raise DefinitionError([*self._problems, self._problem("makes too many checks", place)])
            self._expanded.add(slug)
            attach(made, slug, target_line or line, filled)

    def _pattern(self, entry: Node, place: Location, templates: Values) -> Node | None:
        own = without(entry, _MAKING)
        if TEMPLATE not in entry.children:
            return own
        name = entry.data[TEMPLATE]
        template = templates.get(name) if isinstance(name, str) else None
        if template is None:
            self._say(f"there is no template {shown(name)}{did_you_mean(str(name), templates)}", (*place, TEMPLATE))
            return None
        if not isinstance(template.data, dict):
            return None
        return overlay(template, own)

    def _targets(self, entry: Node, place: Location) -> Iterator[tuple[Values, Location, int]]:
        """The values of each check to make, where they are written, and the line that the check is said to be in."""
        shared = entry.children.get(WITH)
        if shared is not None and not isinstance(shared.data, dict):
            self._say("expected a mapping (name: value)", (*place, WITH))
            shared = None
        common = {str(name): node for name, node in shared.children.items()} if shared is not None else {}
        targets = entry.children.get(FOR_EACH)
        if targets is None:
            yield common, (*place, WITH) if shared is not None else place, 0
            return
        if not isinstance(targets.data, list) or not targets.data:
            self._say("expected a list of targets", (*place, FOR_EACH))
            return
        for index, target in targets.children.items():
            values = target.children if isinstance(target.data, dict) else {ITEM: target}
            yield {**common, **{str(n): v for n, v in values.items()}}, (*place, FOR_EACH, index), target.line

    def _use(self, name: str) -> None:
        place: Location = ("use", name)
        given = self._document.root.children["use"].children[name]
        if name not in set_names():
            self._say(f"there is no set of checks {shown(name)}{did_you_mean(name, set_names())}", place)
            return
        if not isinstance(given.data, dict | None):
            self._say("expected a mapping of what the set needs (name: value)", place)
            return
        file = SETS / f"{name}.yaml"
        brought = read_document(file)
        _rename(brought.root, f"healthmgr/defaults/{file.name}")
        parameters = brought.root.children["parameters"]
        values = {str(n): p.children["default"] for n, p in parameters.children.items() if "default" in p.children}
        for parameter, value in given.children.items():
            if parameter not in parameters.children:
                names = [str(known) for known in parameters.children]
                self._say(f"is nothing that {name} takes{did_you_mean(str(parameter), names)}", (*place, parameter))
            values[str(parameter)] = value
        self._bring(brought, values, place)

    def _bring(self, brought: Document, values: Values, place: Location) -> None:
        missing: dict[str, str] = {}
        own = self._document.root.children.get("checks")
        for slug, node in brought.root.children["checks"].children.items():
            if own is not None and isinstance(own.data, dict) and _is_off(own.data.get(slug)):
                self._left_out.add(str(slug))
                continue
            filling = Filling(values)
            self._sets[str(slug)] = filling.fill(node)
            for parameter in sorted(filling.missing):
                said = brought.at(("parameters", parameter, "description"))
                missing[parameter] = f"needs {parameter} ({said}), for check {slug}"
        for message in missing.values():
            self._say(message, place)
        procedures = brought.root.children.get(RUNBOOKS)
        for name, node in respell_runbooks(procedures, self._say).children.items() if procedures is not None else ():
            filling = Filling(values)
            filled = filling.fill(node)
            if not filling.missing:  # else nobody has said yet how it is to be done
                self._runbooks[str(name)] = filled

    def _entries(self, section: str) -> Iterator[tuple[str, Node]]:
        found = self._document.root.children.get(section)
        if found is None or found.data is None:
            return
        if not isinstance(found.data, dict):
            self._say("expected a mapping (name: value)", (section,))
            return
        for name, node in found.children.items():
            if section == "templates" and not isinstance(node.data, dict):
                self._say("expected a mapping (name: value)", (section, name))
            yield str(name), node

    def _respelled(self, entry: Node, *place: str) -> Node:
        return respell(entry, place, self._say)

    def _say(self, message: str, place: Location) -> None:
        self._problems.append(self._problem(message, place))

    def _problem(self, message: str, place: Location) -> Problem:
        file, line = self._document.place_of(place)
        return Problem(message, format_path(place), line, file)


def _is_off(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("enabled") is False


def _rename(node: Node, file: str) -> None:
    node.file = file
    for child in node.children.values():
        _rename(child, file)
