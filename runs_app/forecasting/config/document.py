"""A resolved configuration as a YAML document, and back. Needs neither Hydra nor torch."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

from runs_app.forecasting.config.faults import field_errors
from runs_app.forecasting.config.paths import FIELDS, Tree, get_path
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid, FieldError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 10_000

_HEADER = "# The resolved configuration of a run. Feed it back to get the same configuration.\n"


# A group writes a thousand of these documents; libyaml is not in every build of PyYAML.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(yaml.SafeLoader):
    """The safe loader, but a date stays text: the schema reads dates, and only in one way."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _refuse(message: str, path: str = "") -> ConfigInvalid:
    return ConfigInvalid([FieldError(path, message)])


def check_tree(tree: Any) -> None:
    """Refuse what no configuration needs: depth, size, odd keys, interpolations, odd characters.

    Raises ``ConfigInvalid``. Everything that comes from outside passes here before it is used.
    """
    stack: list[tuple[Any, str, int]] = [(tree, "", 1)]
    nodes = 0
    while stack:
        value, path, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise _refuse(f"has more than {MAX_NODES} values; a configuration needs far fewer")
        if depth > MAX_DEPTH:
            raise _refuse(f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            for key, child in value.items():
                if not isinstance(key, str):
                    raise _refuse(f"has the key {key!r}, which is not text", path)
                _check_text(key, path)
                stack.append((child, f"{path}.{key}" if path else key, depth + 1))
        elif isinstance(value, (list, tuple)):
            stack.extend((item, f"{path}.{i}", depth + 1) for i, item in enumerate(value))
        elif isinstance(value, str):
            _check_text(value, path)


def _check_text(text: str, path: str) -> None:
    if "${" in text:
        raise _refuse("holds an interpolation (${...}); write the value itself", path)
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in text) or "\x7f" in text:
        raise _refuse("holds a control character; remove it", path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refuse("holds half of a character (a lone surrogate); remove it", path) from None


def _refuse_flags(tree: Tree) -> list[FieldError]:
    """True and false where a number belongs: pydantic would read them as 1 and 0."""
    faults = []
    for path, info in FIELDS.items():
        try:
            value = get_path(tree, path)
        except KeyError:
            continue
        if isinstance(value, bool) and info.annotation is not bool:
            faults.append(FieldError(path, f"must not be {str(value).lower()}"))
    return faults


def validate(tree: Tree) -> RunConfig:
    """The configuration of a complete nested dict; raises ``ConfigInvalid`` naming every fault."""
    check_tree(tree)
    flags = _refuse_flags(tree)
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        flagged = {flag.path for flag in flags}
        others = [fault for fault in field_errors(error) if fault.path not in flagged]
        raise ConfigInvalid([*flags, *others]) from error
    if flags:
        raise ConfigInvalid(flags)
    return config


def to_tree(config: RunConfig) -> Tree:
    """The configuration as plain JSON values, nested as in the schema."""
    return config.model_dump(mode="json")


def to_yaml(config: RunConfig) -> str:
    """The configuration as YAML text; ``from_yaml`` gives an equal one back."""
    return f"{_HEADER}{dump_yaml(to_tree(config))}"


def dump_yaml(tree: Any) -> str:
    """Plain values as YAML text, in their own order."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def parse_yaml(text: str) -> Any:
    """Plain values of a YAML text within the limits; raises ``ConfigInvalid`` with a sentence.

    Aliases are refused, because a few lines of them expand to gigabytes.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise _refuse(f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        depth = nodes = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise _refuse("uses a YAML alias (*name); write the value itself")
            nodes += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _refuse(f"is nested more than {MAX_DEPTH} levels deep")
            if nodes > 2 * MAX_NODES:
                raise _refuse(f"has more than {MAX_NODES} values")
        tree = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _refuse(f"is not valid YAML: {_one_line(error)}") from error
    except (ValueError, RecursionError) as error:
        raise _refuse(f"holds a value that YAML cannot read: {error}") from error
    check_tree(tree)
    return tree


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} (line {error.problem_mark.line + 1})"
    return " ".join(str(error).split())


def from_yaml(text: str) -> RunConfig:
    """The configuration of a complete ``config.yaml``; raises ``ConfigInvalid`` with sentences."""
    tree = parse_yaml(text)
    if not isinstance(tree, dict):
        raise _refuse("must be a group of keys (data, features, horizons, model, loss, train)")
    return validate(tree)
