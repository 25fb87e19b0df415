"""The catalogues: `update` brings them up to date with the code's sentences, `check` says what is missing.

The code speaks English, so English is complete by itself; French is a catalogue under app/translations/fr.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

HOUSE = Path(__file__).resolve().parent.parent
FRENCH = HOUSE / "app" / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "__": None, "_l": None, "lazy_gettext": None}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def extracted() -> Catalog:
    """Every sentence of the code and the templates, where it stands."""
    with (HOUSE / "babel.cfg").open(encoding="utf-8") as config:
        methods, options = parse_mapping_cfg(config)
    found = Catalog(project="Établi", charset="utf-8")
    for path, line, message, _comments, context in extract_from_dir(HOUSE, methods, options, KEYWORDS):
        found.add(message, None, [(path, line)], context=context)
    return found


def french() -> Catalog:
    if not FRENCH.exists():
        return Catalog(locale="fr", project="Établi", charset="utf-8")
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def update() -> None:
    """Add new sentences, drop those that are gone; translations stay."""
    catalogue = french()
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    FRENCH.parent.mkdir(parents=True, exist_ok=True)
    with FRENCH.open("wb") as file:
        write_po(file, catalogue, width=130, sort_output=True, include_lineno=False, omit_header=False)


def problems() -> list[str]:
    """What is missing or wrong in French, a line each; none when it is complete."""
    wanted, written = extracted(), french()
    found = []
    for message in wanted:
        if not message.id:
            continue
        translation = written.get(message.id, message.context)
        where = message.locations[0][0] if message.locations else ""
        if translation is None or not _parts(translation.string) or not all(_parts(translation.string)):
            found.append(f"{where}: not in French: {_parts(message.id)[0]!r}")
        elif translation.fuzzy:
            found.append(f"{where}: fuzzy: {_parts(message.id)[0]!r}")
        else:
            found += [f"{where}: other placeholders: {wrong!r}" for wrong in _misplaced(message, translation)]
    gone = {message.id for message in written if message.id} - {message.id for message in wanted}
    return found + [f"no longer said: {_parts(ident)[0]!r}" for ident in gone]


def _misplaced(message: Message, translation: Message) -> list[str]:
    """A translation may leave out a plural's number, never name a value that is not given."""
    given = {name for part in _parts(message.id) for name in PLACEHOLDER.findall(part)}
    said = [set(PLACEHOLDER.findall(part)) for part in _parts(translation.string)]
    needed = given - {"num"} if isinstance(message.id, tuple) else given
    return [part for part, names in zip(_parts(translation.string), said, strict=True) if not needed <= names <= given]


def _parts(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if text is None:
        return ()
    return (text,) if isinstance(text, str) else tuple(text)


def main(act: str) -> None:
    if act == "update":
        update()
        return
    found = problems()
    print("\n".join(found) or "French is complete.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "check")
