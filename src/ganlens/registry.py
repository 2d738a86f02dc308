"""One table per kind of component, filled by the components' own files, so that adding one is adding a file."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from ganlens.errors import UserError
from ganlens.printable import file_name, printable, shortened

T = TypeVar("T")
C = TypeVar("C")

LONGEST_COMPARED = 100
"""Characters of a word that are compared with names: it takes time that grows with their square."""


def nearest_names(wanted: str, known: list[str]) -> str:
    """The names most like `wanted`, as the end of an error sentence: "Did you mean 'digits'? There are: …"."""
    close = difflib.get_close_matches(wanted[:LONGEST_COMPARED], known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(name) for name in close)}? " if close else ""
    return f"{hint}There are: {', '.join(sorted(known))}."


class PlugInWarning(UserWarning):
    """A plug-in can't be used and is left out."""


class Registry(Generic[T]):
    """Named components of one kind.

    Components register themselves when their module is imported; every module below `package` is imported the
    first time the table is read, then the entry points of `group`, where third parties add theirs. Of these, one
    that can't be used is named in a warning and left out, whatever is wrong with it.

    Args:
        kind: what the components are, in the words of an error message ("data set", "probe").
        package: the package whose modules (at any depth) hold the components.
        group: the entry-point group third parties register under, or None.
        fault: says what is wrong with a component that is entered under a name, or None.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str | None = None,
        fault: Callable[[str, Any], str | None] | None = None,
    ) -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._fault = fault
        self._components: dict[str, T] = {}
        self._summaries: dict[str, str] = {}
        self._discovered = False

    def register(self, name: str, *, summary: str | None = None) -> Callable[[C], C]:
        """Decorator: enter a component under `name`. `summary` defaults to the first line of its docstring.

        Raises:
            UserError: no component can have that name, which is typed on the command line and becomes a file's; or
                this component can't be used.
            ValueError: the name is taken by another component.
        """
        if not isinstance(name, str) or file_name(name) != name or name.startswith("-"):
            raise UserError(
                f"no {self.kind} can be named {name!r}: expected letters, digits, '-', '_' and '.', 100 at most, a "
                "letter or digit first, and no name that a system keeps for itself"
            )

        def enter(component: C) -> C:
            if self._fault is not None and (fault := self._fault(name, component)) is not None:
                raise UserError(f"the {self.kind} {name!r} can't be used: {fault}")
            known = self._components.get(name)
            if known is not None and _origin(known) != _origin(component):
                raise ValueError(
                    f"two components want the {self.kind} name {name!r}: {known!r} and {component!r}"
                )
            self._components[name] = component  # type: ignore[assignment]
            text = summary or inspect.getdoc(component) or ""
            self._summaries[name] = printable(text.strip().split("\n")[0])
            return component

        return enter

    def __getitem__(self, name: str) -> T:
        self._discover()
        if name not in self._components:
            raise UserError(
                f"there is no {self.kind} named {shortened(repr(name))}. {nearest_names(name, self.names())}"
            )
        return self._components[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._components

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """All names, sorted."""
        self._discover()
        return sorted(self._components)

    def summary(self, name: str) -> str:
        """The component's own one-line description."""
        self[name]
        return self._summaries[name]

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True  # set first: a component's module may read the table while it is imported
        try:
            package = importlib.import_module(self._package)
            for module in pkgutil.walk_packages(package.__path__, prefix=f"{self._package}."):
                importlib.import_module(module.name)
            for entry in self._plug_ins():
                self._load(entry)
        except BaseException:
            self._discovered = False  # half a table would deny components that exist
            raise

    def _plug_ins(self) -> Iterable[EntryPoint]:
        if self._group is None:
            return ()
        try:
            return entry_points(group=self._group)
        except Exception as error:  # the description of some installed package is damaged
            _warn(f"no plug-ins for {self._group} are read ({_said(error)})")
            return ()

    def _load(self, entry: EntryPoint) -> None:
        before = dict(self._components), dict(self._summaries)
        try:
            entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: nothing in a plug-in may end a command
            self._components, self._summaries = before
            _warn(f"the plug-in {entry.name} ({entry.value}) is left out: {_said(error)}")


def _said(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    first_line = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}{': ' if first_line else ''}{first_line}"


def _warn(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always", PlugInWarning)  # also where warnings are turned to errors
        warnings.warn(printable(text), PlugInWarning, stacklevel=2)


def _origin(component: object) -> tuple[object, object]:
    return getattr(component, "__module__", None), getattr(component, "__qualname__", None)
