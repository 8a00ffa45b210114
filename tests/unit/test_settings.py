"""The configuration: layers, presets, and one sentence with key, file and line for everything that is wrong."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from klientela.errors import Misconfigured
from klientela.model.records import Number, Person
from klientela.rules.values import values
from klientela.settings import SORTABLE, Configuration, load, schema
from klientela.settings.model import read_sender
from klientela.settings.places import places
from klientela.settings.unused import unused
from klientela.source import UNUSED, Source, SourceSettings
from klientela.store import sorting


class Depot(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    street: str | None = None
    floor: int | None = None


class StallSettings(SourceSettings):
    token: SecretStr | None = None
    mood: Literal["calm", "loud"] = "calm"
    shelves: tuple[int, ...] = ()
    depot: Depot = Depot()
    columns: Mapping[str, str] = Field(default_factory=dict)
    guest_rule: Literal["never", "state"] = "never"

    @model_validator(mode="after")
    def _token_there(self) -> StallSettings:
        if self.token is None:
            raise ValueError("token is missing")
        return self


class Stall(Source):
    type = "stall"
    title = "Stall"
    Settings: ClassVar[Any] = StallSettings
    guests = "per_order"


TYPES: dict[str, type[Source]] = {"stall": Stall}
GOOD = '[sources.main]\ntype = "stall"\ntoken = "geheim-123"\n'


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str, **environ: str) -> Configuration:
        file = tmp_path / "klientela.toml"
        file.write_text(text, "utf-8")
        file.chmod(0o600)
        return load(file, TYPES, environ=environ)

    return write


def refused(write: Any, text: str, **environ: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        write(text, **environ)
    error = caught.value
    assert error.exit_code == 2
    assert "\n" not in error.message
    assert "geheim" not in f"{error.message} {error.hint}"
    return error


def test_an_empty_file_is_all_defaults(write: Any) -> None:
    made = write("")
    assert made.settings.store.url == "sqlite:///klientela.db"
    assert made.store_url() == f"sqlite:///{made.folder}/klientela.db"
    assert made.settings.identity.limits.address == 50
    assert made.settings.edit.policy == "source_locked"
    assert made.warnings == ()


def test_the_contracts_example_is_read(write: Any) -> None:
    made = write(
        GOOD
        + """
        every = "5m"
        guests = "merge"
        priority = 10
        default_status = "registered"
        [identity]
        rules = ["email", "number"]
        blocked = ["Info@Firma.de"]
        [identity.limits]
        email = 12
        [views.cockpit]
        profile_orders = 5
        [privacy]
        guest_retention_months = 24
        """
    )
    rules = made.settings.ruleset(TYPES)
    assert rules.rules == ("email", "number")
    assert rules.limits == (12, 10, 50)
    assert rules.blocked == {"info@firma.de"}
    assert rules.sources["main"].guests == "merge"
    assert rules.sources["main"].priority == 10
    assert rules.sources["main"].guest_rule == "never"
    assert list(made.schedules()) == ["main"]


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Ida.Lund+x@googlemail.com", "idalund@gmail.com"),
        ("pia+a@roth.example", "pia@roth.example"),
        ("+49 40 555-1234", "+49405551234"),
        ("040/5551234", "+49405551234"),
        ("KD-77", "kd-77"),
    ],
)
def test_R19_a_blocked_value_is_compared_in_the_form_in_which_values_match(
    write: Any, written: str, compared: str
) -> None:
    made = write(f'[shop]\ntimezone = "Europe/Berlin"\n[identity]\nblocked = ["{written}"]\n').settings.ruleset(TYPES)
    assert compared in made.blocked
    person = Person(
        external_id="1", email=written if "@" in written else None, phone=None if "@" in written else written,
        numbers=[Number(value=written)],
    )  # fmt: skip
    assert not [one for one in values(person, "list", made) if one.blocked is None]


def test_a_ruleset_takes_the_plugins_guest_policy_and_the_uid_of_a_renamed_source(write: Any) -> None:
    rules = write(GOOD).settings.ruleset(TYPES, {"main": "old-name"})
    assert rules.sources["old-name"].guests == "per_order"


def test_presets_and_own_views(write: Any) -> None:
    views = write(
        GOOD
        + "[views.cockpit]\nprofile_orders = 4\n"
        + '[views.mine]\ncolumns = ["name", "tags"]\nsort = "ltv:asc"\ncrm_source = "main"\n'
    ).settings.views
    assert {"default", "autoletter", "site123", "cockpit", "ecdp", "mine"} == set(views)
    assert views["cockpit"].columns == ("name", "status", "email", "location", "orders", "last_order")
    assert (views["cockpit"].profile_orders, views["cockpit"].totals) == (4, "gross")
    assert views["mine"].columns == ("name", "tags")
    assert views["mine"].page_sizes == (10, 25, 50, 100)
    assert len(views["autoletter"].columns) == 7
    assert set(views["default"].columns) == {*views["autoletter"].columns, "status", "test_order"}


def test_the_orders_of_the_configuration_are_those_of_the_list() -> None:
    assert set(SORTABLE) == set(sorting.SORTABLE)


# what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        (GOOD + 'every_ = "5m"\n', 4, "sources.main has no key 'every_'", "every"),
        ('[souces.main]\ntype = "stall"\n', 1, "no key 'souces'", "sources"),
        (GOOD + "[sources.main.depot]\nstret = 1\n", 5, "sources.main.depot has no key 'stret'", "street"),
        (GOOD + "depot = { street = 'x', flor = 2 }\n", 4, "sources.main.depot has no key 'flor'", "floor"),
        (GOOD + "depot.flor = 2\n", 4, "sources.main.depot has no key 'flor'", "floor"),
        ("[identity]\nlimits.emial = 3\n", 2, "identity.limits has no key 'emial'", "email"),
        ("[identity]\n\n[identity.limits]\n# c\nphone = 0\n", 5, "identity.limits.phone", None),
        ('[identity]\nrules = ["email",\n "fax"]\n', 3, "'fax'", "email, number"),
        ('[views.mine]\ncolumms = ["name"]\n', 2, "views.mine has no key 'columms'", "columns"),
        ('[views.mine]\ncolumns = ["nmae"]\n', 2, "did you mean name", None),
        ('[views.mine]\nsort = "ltvv"\n', 2, "did you mean ltv", None),
        ('[views.mine]\nsort = "ltv:up"\n', 2, "neither asc nor desc", None),
        ('[views.mine]\ncrm_source = "mian"\n' + GOOD, 2, "no source 'mian'", "main"),
        ('[sources.main]\ntype = "stal"\n', 2, "no source type 'stal'", "stall"),
        ('[sources.main]\ntype = "zzz"\n', 2, "no source type 'zzz'", "Installed types are stall"),
        ("[sources.main]\ntoken = 'geheim'\n", 1, "has no type", "stall"),
        ("[sources.main]\ntype = 7\n", 2, "no source type 7", None),
        ('sources = "x"\n', 1, "sources is no table", None),
        ("[sources]\nmain = 1\n", 2, "sources.main is no table", None),
        ('# a\n\n[sources.main]\ntype = "stall"\n', 3, "token is missing", "KLIENTELA__SOURCES__MAIN__"),
        (GOOD + 'mood = "lout"\n', 4, "sources.main.mood cannot be 'lout'", "loud"),
        (GOOD + 'every = "5 minutes"\n', 4, "no duration", "5m"),
        (GOOD + 'cron = "0 3 * *"\n', 4, "five fields", None),
        (GOOD + 'cron = "0 3 * * *"\nevery = "5m"\n', 4, "exclude", None),
        (GOOD + 'timezone = "Europe/Berlni"\n', 4, "Europe/Berlin", None),
        ('[shop]\ntimezone = "Berlin"\n', 2, "no time zone", None),
        (
            '[shop]\ncurrency = "Euro"\n',
            2,
            "shop.currency: 'Euro' is no currency; write its three capital letters",
            None,
        ),
        (
            '[store]\nurl = "mysql://root:geheim@h/d"\n',
            2,
            "store.url: write sqlite:///FILE or postgresql+psycopg://H",
            None,
        ),
        ('[web]\nport = "eighty"\n', 2, "web.port must be a whole number", None),
        ("[web]\nport = true\n", 2, "web.port must be a whole number", None),
        ("[identity.limits]\nemail = true\n", 2, "identity.limits.email must be a whole number", None),
        ("[views.mine]\npage_size = true\n", 2, "views.mine.page_size must be a whole number", None),
        (GOOD + "priority = true\n", 4, "sources.main.priority must be a whole number", None),
        ("[web]\nport = 99999\n", 2, "web.port must be at most 65535", None),
        ("[web]\nport = -1\n", 2, "web.port must be at least 0", None),
        ("[web]\nhost = 127\n", 2, "web.host must be text in quotes", None),
        ("web = 8000\n", 1, "web must be a table of keys", None),
        ('[identity]\nrules = "email"\n', 2, "identity.rules must be a list", None),
        ('[identity]\nmailbox_folding = "perhaps"\n', 2, "identity.mailbox_folding must be true or false", None),
        ("[privacy]\nkey_file = 7\n", 2, "privacy.key_file must be a path in quotes", None),
        (GOOD + 'columns = "x"\n', 4, "sources.main.columns must be a table of keys", None),
        ('[sources."a/b"]\ntype = "stall"\ntoken="x"\n', 1, "cannot name a source", None),
        ('[sources.manual]\ntype = "stall"\ntoken="x"\n', 1, "manual", None),
        ("[edit]\npolicy = 'source_locket'\n", 2, "edit.policy", "source_locked"),
        ("[store]\nurl = sqlite\n", 2, "no valid TOML", None),
        ("[store]\n[store]\n", 2, "no valid TOML", None),
        ("a = '''\n\n", 3, "no valid TOML", None),
    ],
)
def test_wrong_configurations(write: Any, text: str, line: int, words: str, hint: str | None) -> None:
    error = refused(write, text)
    assert error.message.startswith(f"klientela.toml line {line}: "), error.message
    assert words in error.message
    if hint:
        assert error.hint
        assert hint in error.hint


def test_several_mistakes_name_the_first_and_count_the_rest(write: Any) -> None:
    error = refused(write, "[stoer]\n[web]\nport = -1\nprot = 2\n")
    assert "line 1" in error.message
    assert "(and 2 more problems)" in error.message


def test_secret_values_are_not_repeated(write: Any) -> None:
    assert "token" in refused(write, '[sources.main]\ntype = "stall"\ntoken = ["geheim"]\n').message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no configuration file") as caught:
        load(tmp_path / "none.toml", TYPES, environ={})
    assert "init" in str(caught.value.hint)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "k.toml").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(Misconfigured, match="UTF-8"):
        load(tmp_path / "k.toml", TYPES, environ={})


def test_a_plugin_that_could_not_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "k.toml").write_text('[sources.a]\ntype = "wix"\n')
    with pytest.raises(Misconfigured, match=r"plugin wix could not be loaded \(ImportError: no jwt\)"):
        load(tmp_path / "k.toml", TYPES, broken={"wix": "ImportError: no jwt"}, environ={})


# layers ------------------------------------------------------------------------------------------------------------


def token(made: Configuration, name: str = "main") -> str:
    settings: Any = made.settings.sources[name]
    return str(settings.token.get_secret_value())


def test_the_environment_wins_over_the_file(write: Any) -> None:
    made = write(
        GOOD,
        KLIENTELA__SOURCES__MAIN__TOKEN="from-env",
        KLIENTELA__SOURCES__MAIN__PRIORITY="7",
        KLIENTELA__IDENTITY__MAILBOX_FOLDING="false",
        KLIENTELA__IDENTITY__RULES="email, phone",
        KLIENTELA__SOURCES__MAIN__SHELVES="[1, 2]",
        KLIENTELA__SOURCES__MAIN__DEPOT__FLOOR="3",
        KLIENTELA__SOURCES__MAIN__COLUMNS__EMAIL="mail",
        KLIENTELA_CONFIG="elsewhere",
        UNRELATED="x",
    )
    assert token(made) == "from-env"
    source: Any = made.settings.sources["main"]
    assert (source.priority, source.shelves, source.depot.floor, source.columns) == (7, (1, 2), 3, {"email": "mail"})
    assert made.settings.identity.mailbox_folding is False
    assert made.settings.identity.rules == ("email", "phone")


def test_layers_in_order(write: Any, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "sources__main__token").write_text("from-dir\n")
    (secrets / "readme").write_text("not ours")
    file = tmp_path / "token.txt"
    file.write_text("from-file\r\n")
    folder = {"KLIENTELA_SECRETS_DIR": str(secrets)}
    variable_file = {"KLIENTELA__SOURCES__MAIN__TOKEN_FILE": str(file)}
    assert token(write(GOOD, **folder)) == "from-dir"
    assert token(write(GOOD, **folder, **variable_file)) == "from-file"
    assert token(write(GOOD, **folder, **variable_file, KLIENTELA__SOURCES__MAIN__TOKEN="direct")) == "direct"


def test_a_key_that_is_called_file_is_not_a_file_variable(write: Any) -> None:
    made = write("", KLIENTELA__PRIVACY__KEY_FILE="/etc/k.key", KLIENTELA__RATES__FILE="rates.csv")
    assert str(made.settings.privacy.key_file) == "/etc/k.key"
    assert str(made.settings.rates.file) == "rates.csv"


def test_names_with_dashes_are_reached(write: Any) -> None:
    made = write(GOOD.replace("main", '"my-shop"'), KLIENTELA__SOURCES__MY_SHOP__TOKEN="other")
    assert token(made, "my-shop") == "other"


@pytest.mark.parametrize("text", ["7.0", "1_0", "+7", "٧", " 7"])
def test_a_number_of_the_environment_is_written_in_digits(write: Any, text: str) -> None:
    error = refused(write, GOOD, KLIENTELA__SOURCES__MAIN__PRIORITY=text)
    assert "sources.main.priority must be a whole number in the environment variable" in error.message


def test_a_source_can_come_from_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "KLIENTELA__SOURCES__MAIN__SHELVES": "1,2",
        "KLIENTELA__SOURCES__MAIN__TOKEN": "t",
        "KLIENTELA__SOURCES__MAIN__TYPE": "stall",
    }
    made = load(None, TYPES, environ=environ)
    source: Any = made.settings.sources["main"]
    assert source.shelves == (1, 2)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KLIENTELA__STOER__URL", "x", "no key 'stoer'"),
        ("KLIENTELA__SOURCES__MAIN__TOKN", "x", "no key 'tokn'"),
        ("KLIENTELA__SOURCES__MAIN__MOOD", "lout", "cannot be 'lout'"),
        ("KLIENTELA__WEB__PORT", "http", "web.port"),
        ("KLIENTELA__WEB__", "http", "names no key"),
        ("KLIENTELA__STORE__URL__X", "1", "no table"),
        ("KLIENTELA__SOURCES__MAIN__TOKEN_FILE", "/does/not/exist", "cannot be read"),
    ],
)
def test_mistakes_in_the_environment_name_the_variable(write: Any, name: str, value: str, words: str) -> None:
    error = refused(write, '[store]\nurl = "sqlite:///x.db"\n' + GOOD, **{name: value})
    assert words in error.message
    assert name in error.message or "/does/not/exist" in error.message


def test_mistakes_in_the_secrets_directory_name_the_file(write: Any, tmp_path: Path) -> None:
    (tmp_path / "sources__main__tokn").write_text("x")
    assert "sources__main__tokn" in refused(write, GOOD, KLIENTELA_SECRETS_DIR=str(tmp_path)).message
    assert "does not exist" in refused(write, GOOD, KLIENTELA_SECRETS_DIR=str(tmp_path / "none")).message


# secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_are_collected_for_the_logs(write: Any) -> None:
    made = write(GOOD + '[store]\nurl = "postgresql+psycopg://me:p%40ss@h/d"\n[mail]\npassword = "post"\n')
    assert set(made.secrets) == {"geheim-123", "p@ss", "post"}
    assert "geheim-123" not in repr(made.settings)


def test_a_file_with_secrets_that_all_can_read_is_warned_of(write: Any, tmp_path: Path) -> None:
    file = tmp_path / "klientela.toml"
    write(GOOD)
    file.chmod(0o644)
    (warning,) = load(file, TYPES, environ={}).warnings
    assert "chmod 600" in warning
    assert "geheim" not in warning
    # the secret comes from outside: nothing to warn of
    file.write_text('[sources.main]\ntype = "stall"\n')
    assert load(file, TYPES, environ={"KLIENTELA__SOURCES__MAIN__TOKEN": "x"}).warnings == ()


# messages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('host = "h"', "sender is missing"),
        ('sender = "nobody"', "write one e-mail address"),
        ('sender = "a@x.de, b@x.de"', "write one e-mail address"),
        ('sender = "A\\nBcc: <a@x.de>"', "write one e-mail address"),
        ('host = "h"\nsender = "a@x.de"\nuser = "u"', "user and password belong together"),
        ('host = "h"\nsender = "a@x.de"\nuser = "u"\npassword = "geheim-1"\nsecurity = "none"', "over no open line"),
        ('unsubscribe = "http://x.de"', "write an e-mail address or https"),
        ('unsubscribe = "a@x.de> x"', "write an e-mail address or https"),
        ('security = "ssl"', "starttls"),
    ],
)
def test_a_mail_table_that_cannot_work_is_refused(write: Any, table: str, words: str) -> None:
    told = refused(write, f"{GOOD}[mail]\n{table}\n")
    assert words in f"{told.message} {told.hint}"
    assert "geheim-1 " not in told.message


def test_a_mail_table_that_works(write: Any) -> None:
    made = write(GOOD + '[mail]\nhost = "h"\nsender = "Tee & Mehr <a@x.de>"\nunsubscribe = "https://x.de/weg"\n')
    assert read_sender(made.settings.mail.sender) == ("Tee & Mehr", "a@x.de")
    assert made.unused == ()


# what has no effect yet --------------------------------------------------------------------------------------------

IDLE = """
[rates]
file = "rates.csv"
[mail]
host = "mail.example"
sender = "post@shop.example"
[sources.main]
guest_hints = true
"""


class IdleBox(BaseModel):
    height: int = Field(default=1, json_schema_extra=UNUSED)
    width: int = Field(default=1, json_schema_extra=UNUSED)
    depth: int = Field(default=2, json_schema_extra=UNUSED)


class Idle(BaseModel):
    boxes: Mapping[str, IdleBox]


def test_keys_without_effect_are_told_one_sentence_for_each_table(write: Any) -> None:
    made = write(GOOD.replace("[sources.main]", IDLE.strip()))
    version = "not used by this version of klientela"
    assert made.unused == (f"guest_hints of [sources.main] is {version}",)
    assert list(unused(Idle(boxes={"a": IdleBox(height=3, width=2, depth=1)}))) == [
        f"height, width and depth of [boxes.a] are {version}"
    ]


def test_keys_that_say_what_is_so_anyway_are_not_told(write: Any) -> None:
    made = write(GOOD + 'guest_hints = false\n[edit]\npolicy = "source_locked"\n[mail]\nport = 587\n')
    assert made.unused == ()


# places and schema -------------------------------------------------------------------------------------------------


def test_places_follow_all_of_toml() -> None:
    text = '''
# comment [not.a.table]
title = "a # no comment \\" ] = "
[a."b.c".d]   # line 4
x = """
[not.a.table]
y = 1
""""
'lit"eral'.k = 'c:\\'
[[list]]
p = 1
[list.sub]
q = 2
[[list]]
p = { m = [1,
   { n = 2 }], o = 1979-05-27 07:32:00 }
'''
    tomllib.loads(text)
    found = places(text)
    assert found[("title",)] == 3
    assert found[("a", "b.c", "d")] == 4
    assert found[("a", "b.c", "d", "x")] == 5
    assert found[("a", "b.c", "d", 'lit"eral', "k")] == 9
    assert ("not",) not in found
    assert found[("list", 0, "p")] == 11
    assert found[("list", 0, "sub", "q")] == 13
    assert found[("list", 1, "p", "m", 1, "n")] == 16
    assert found[("list", 1, "p", "o")] == 16


_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cc"]), max_size=8)
_VALUES = st.recursive(
    st.integers(-5, 5) | st.booleans() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[ # comment\n" + ",\n".join(_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=True)


def _paths(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _paths(item, (*path, key))
    return found


@given(st.dictionaries(_TEXT, _VALUES, max_size=4))
def test_every_key_has_a_place(data: dict[str, Any]) -> None:
    text = "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in data.items())
    read = tomllib.loads(text)
    found = places(text)
    lines = text.split("\n")
    for path in _paths(read, ()):
        if path:
            assert 1 <= found[path] <= len(lines)
    assert len(found) == len(_paths(read, ())) - 1


def test_the_schema_knows_the_plugins_keys() -> None:
    made = schema(TYPES)
    assert made["additionalProperties"] is False
    assert set(made["properties"]) == {
        "store", "shop", "sources", "identity", "views", "review", "edit", "rates", "web", "runs", "mail", "feed", "privacy"
    }  # fmt: skip
    (choice,) = made["properties"]["sources"]["additionalProperties"]["oneOf"]
    reference = choice["allOf"][0]["$ref"].rpartition("/")[2]
    assert {"token", "every", "guests"} <= set(made["$defs"][reference]["properties"])
    assert choice["allOf"][1] == {"properties": {"type": {"const": "stall"}}}
    json.dumps(made)
