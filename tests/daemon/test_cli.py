"""The command line: starts fast, says what is wrong in one sentence, and keeps to its exit codes."""

from __future__ import annotations

import importlib
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from klientela.settings import load
from klientela_daemon import cli
from klientela_daemon.cli import VERBS, main
from tests.daemon.conftest import configure

HEAVY = ("sqlalchemy", "pydantic", "httpx", "structlog", "apscheduler", "uvicorn", "phonenumbers", "babel", "graphql")


CSV = '[sources.list]\ntype = "csv"\npath = "people.csv"\n'


# The frame --------------------------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from klientela_daemon.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for verb in VERBS:
        assert verb in done.stdout


def test_every_verb_has_a_module_and_help(run: Any) -> None:
    for name, verb in VERBS.items():
        module = importlib.import_module(f"{cli.__name__}.{verb.module}")
        assert hasattr(module, "verb") or hasattr(module, "app")
        code, out, _ = run(name, "--help")
        assert code == 0
        assert f"klientela {name}" in out
        assert name == "demo" or "--config" in out or hasattr(module, "app")


def test_the_installed_command_answers() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("klientela"), "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count(".") == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("snyc",), "klientela has no command 'snyc'\nDid you mean sync?"),
        (("check", "--nope"), "klientela check has no option --nope\n"),
        (("check", "--jsn"), "klientela check has no option --jsn\nDid you mean --json?"),
        (("sandbox",), "NAME is missing\n"),
        (("import", "x.csv"), "--into is missing\n"),
        (("sandbox", "shopify", "--port", "many"), "--port must be a whole number from 0 to 65535\n"),
        (("customer", "a", "b"), "klientela customer does not know what to do with b\n"),
        (("run", "--log-level", "loud"), "--log-level cannot be 'loud'; it is one of debug, info, warning, error\n"),
        (("config", "shcema"), "klientela config has no command 'shcema'\nDid you mean schema?"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Any, args: tuple[str, ...], words: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err
    assert "--help" in err
    code, out, err = run(*args, "--json")
    assert (code, err) == (2, "")
    assert json.loads(out)["error"]["kind"] == "usage"


def test_an_option_without_its_value_is_wrong_usage(run: Any) -> None:
    code, _, err = run("check", "--config")
    assert code == 2
    assert "--config needs a value\n" in err
    assert "--full takes no value\n" in run("sync", "--full=3")[2]


def test_no_verb_shows_the_help(run: Any) -> None:
    code, out, err = run()
    assert code == 2
    assert "check" in out + err


@pytest.mark.parametrize("as_json", [False, True])
def test_an_unexpected_error_is_a_sentence_and_a_file(run: Any, monkeypatch: Any, here: Path, as_json: bool) -> None:
    from klientela_daemon.cli import plugins

    monkeypatch.setattr(plugins, "find", lambda: 1 / 0)
    monkeypatch.setattr("tempfile.tempdir", str(here))
    code, out, err = run("plugins", *(["--json"] if as_json else []))
    assert code == 1
    said = json.loads(out)["error"]["message"] if as_json else err
    assert "unexpected" in said
    assert "ZeroDivisionError" in said
    (kept,) = here.glob("klientela-*.traceback")
    assert "1 / 0" in kept.read_text()


def test_debug_shows_the_traceback(here: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from klientela_daemon.cli import plugins

    monkeypatch.setattr(plugins, "find", lambda: 1 / 0)
    assert main(["plugins", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_a_sentence(run: Any, monkeypatch: Any) -> None:
    from klientela_daemon.cli import plugins

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plugins, "find", interrupted)
    code, _, err = run("plugins")
    assert code == 130
    assert "Ctrl-C" in err


# Configuration ----------------------------------------------------------------------------------------------------


def test_init_writes_a_configuration_that_is_right_and_private(run: Any, here: Path) -> None:
    code, out, _ = run("init")
    file = here / "klientela.toml"
    assert code == 0
    assert str(file) in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file, {}, environ={}).settings.sources == {}
    code, out, err = run("init")
    assert code == 1
    assert "is there already" in err
    file.write_text("x")
    assert run("init", "--force")[0] == 0
    assert "[store]" in file.read_text()


def test_the_starters_examples_are_right(run: Any, here: Path) -> None:
    run("init")
    file = here / "klientela.toml"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line[2:] if re.match(r"# (\[|[a-z_]+ = )", line) else line for line in lines))
    (here / "customers.csv").write_text("Email\na@x.example\n")
    code, out, err = run("check", "list")
    assert code == 0, err
    assert "configuration is right" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CSV + "colums = {}\n", "line 4: sources.list has no key 'colums'"),
        (CSV + "[sources.list.columns]\nemial = 'x'\n", "line 5: "),
        ("[identity]\n[identity.limits]\nfone = 1\n", "line 3: identity.limits has no key 'fone'"),
        ('[sources.x]\ntype = "shopfy"\n', "line 2: there is no source type 'shopfy'"),
        ('[sources.x]\ntype = "shopify"\nshop = "my-shop"\n', "line 1: sources.x"),
        ("[store\n", "line 1: this is no valid TOML"),
        (CSV + 'every = "often"\n', "line 4: list: 'often' is no duration"),
    ],
)
@pytest.mark.parametrize("verb", ["check"])
def test_wrong_configurations_are_one_sentence(run: Any, text: str, words: str, verb: str) -> None:
    configure(text)
    code, out, err = run(verb)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) <= 2  # the sentence and the hint
    code, out, err = run(verb, "--json")
    assert (code, err) == (2, "")
    error = json.loads(out)["error"]
    assert error["kind"] == "misconfigured"
    assert words in error["message"]
    assert error["hint"]


def test_a_store_in_a_folder_that_is_not_there_is_told_before_a_sync(run: Any, here: Path) -> None:
    configure('[store]\nurl = "sqlite:///nowhere/k.db"\n')
    code, _, err = run("check")
    assert code == 2
    assert "nowhere of the database does not exist" in err


def test_a_missing_configuration_is_told(run: Any) -> None:
    code, _, err = run("check")
    assert code == 2
    assert "there is no configuration file" in err
    assert "klientela init" in err


def test_secrets_of_the_configuration_are_in_no_output(run: Any) -> None:
    configure(
        '[sources.x]\ntype = "shopify"\nshop = "my-shop"\naccess_token = "shh-kanarie"\nbase_url = "http://127.0.0.1:9"\n'
    )
    for args in (("check",), ("check", "--json"), ("check", "--debug")):
        code, out, err = run(*args)
        assert code == 1
        assert "kanarie" not in out + err


def test_a_readable_file_with_secrets_is_warned_of(run: Any) -> None:
    configure(
        '[sources.x]\ntype = "shopify"\nshop = "s"\naccess_token = "shh-kanarie"\nbase_url = "http://127.0.0.1:9"\n'
    ).chmod(0o644)
    _, out, err = run("check", "--json")
    assert "chmod 600" in err
    assert "chmod 600" in json.loads(out)["warnings"][0]


@pytest.mark.parametrize("verb", ["check", "sync"])
def test_keys_without_effect_are_told(run: Any, here: Path, verb: str) -> None:
    (here / "people.csv").write_text("Email,First Name\na@x.example,Anna\n")
    configure(CSV + "guest_hints = true\n")
    code, out, err = run(verb, "--json")
    assert code == 0
    assert err.count("guest_hints of [sources.list] is not used by this version") == 1
    if verb == "check":
        assert "guest_hints of [sources.list]" in json.loads(out)["warnings"][0]
    assert "not used" not in run("customers")[2]


def test_check_tells_of_each_source_by_itself(run: Any, here: Path) -> None:
    (here / "people.csv").write_text("Email,First Name\na@x.example,Anna\n")
    configure(
        CSV
        + 'every = "1h"\n[sources.x]\ntype = "shopify"\nshop = "s"\naccess_token = "t-o-k"\nbase_url = "http://127.0.0.1:9"\n'
    )
    code, out, _ = run("check", "--json")
    assert code == 1
    by_name = {one["source"]: one for one in json.loads(out)["sources"]}
    assert by_name["list"]["ok"] is True
    assert by_name["list"]["schedule"] == "1h"
    assert by_name["list"]["guests"] == "merge"
    assert by_name["x"]["ok"] is False
    assert by_name["x"]["error"]["kind"] == "broken"
    code, out, _ = run("check", "list")
    assert code == 0
    assert "✓ list" in out
    code, _, err = run("check", "lst")
    assert code == 1
    assert "Did you mean list?" in err


# Plugins ----------------------------------------------------------------------------------------------------------


def test_plugins_and_schema(run: Any) -> None:
    code, out, _ = run("plugins", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)["plugins"]}
    assert code == 0
    assert found["shopify"]["types"][0]["sandbox"] is True
    assert found["csv"]["error"] is None
    assert "shopify" in run("plugins")[1]
    code, out, _ = run("config", "schema")
    assert code == 0
    assert "access_token" in json.dumps(json.loads(out)["$defs"])


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (("shpify",), "Did you mean shopify?", 1),
        (("csv",), "has no sandbox", 2),
        (("shopify", "--fault", "429:often"), "no fault", 2),
        (("shopify", "--fault", "flood"), "no fault", 2),
    ],
)
def test_sandboxes_that_cannot_be_opened(run: Any, args: tuple[str, ...], words: str, code: int) -> None:
    done, _, err = run("sandbox", *args)
    assert done == code
    assert words in err


def test_a_sandbox_says_as_json_where_it_listens(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "klientela_daemon.cli.sandbox.run", lambda shop, port, started: started(f"http://127.0.0.1:{port}")
    )
    code, out, err = run("sandbox", "shopify", "--port", "9876", "--customers", "2", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"sandbox": "shopify", "url": "http://127.0.0.1:9876", "customers": 2, "seed": 1}
