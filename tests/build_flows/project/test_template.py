"""The file to start from is valid, complete and explains every key."""

import tomllib

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.config import Config
from build_flows.project.load import parse
from build_flows.project.sections import ExitSection
from build_flows.project.template import TEMPLATES, template


@pytest.mark.parametrize("preset", TEMPLATES)
def test_a_template_is_valid_and_says_what_was_meant(preset: str) -> None:
    text = template(preset)
    parse(text)
    raw = tomllib.loads(text)
    for section, values in TEMPLATES[preset].items():
        found, meant = (item if isinstance(item, list) else [item] for item in (raw[section], values))
        assert len(found) == len(meant)
        assert all(wanted.items() <= given.items() for wanted, given in zip(meant, found, strict=True))


def test_every_field_is_there_with_its_description() -> None:
    text = template("digits")
    prose = " ".join(line.lstrip("# ") for line in text.splitlines())
    for declared in Config.model_fields.values():
        section = declared.annotation
        for name, field in getattr(section, "model_fields", ExitSection.model_fields).items():
            assert field.description, name
            assert field.description in prose
            assert f"\n{name} = " in text or f"\n# {name} =" in text


def test_the_name_can_be_chosen() -> None:
    assert parse(template("b_lenet", name="mine")).project.name == "mine"


def test_the_pace_is_looked_for_where_it_is_not_given() -> None:
    assert {parse(template(preset)).target.cycles_per_sample for preset in TEMPLATES} == {"auto"}
    assert parse(template("digits", cycles=77)).target.cycles_per_sample == 77
    assert TEMPLATES["digits"]["target"] == {"cycles_per_sample": "auto", "hard_share": [0.4, 0.375]}


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match="preset 'lenet' is unknown; allowed: digits, b_lenet"):
        template("lenet")
