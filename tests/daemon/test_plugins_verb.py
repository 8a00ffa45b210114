"""`klientela plugins`: the checklist it reports, and `plugins new`, which writes a package or nothing."""

from __future__ import annotations

import json
import keyword
import tomllib
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured
from klientela.kit import Field, Http, HttpSource, Source, SourceSettings
from klientela.testing import conformance, quality, serve
from klientela_daemon import scaffold
from klientela_woocommerce.sandbox import WooCommerceSandbox
from tests.daemon.conftest import configure


def document(run: Any, *args: str) -> Any:
    code, out, err = run(*args, "--json")
    assert code == 0, err
    return json.loads(out)


def types(run: Any) -> dict[str, Any]:
    return {kind["type"]: kind for one in document(run, "plugins")["plugins"] for kind in one["types"]}


def test_every_source_with_a_record_passes_all_checks_or_says_why_not(run: Any) -> None:
    found = types(run)
    assert {"billbee", "csv", "shopify", "wix", "woocommerce"} <= found.keys()
    for name in ("billbee", "csv", "shopify", "wix", "woocommerce"):
        kind = found[name]
        told = kind["conformance"]
        assert told["recorded"]
        assert told["missing"] == []
        assert told["passed"] + len(told["not_applicable"]) == told["of"] == len(conformance.CHECKS)
        assert all(told["not_applicable"].values())
        lines = {line["rule"]: line for line in kind["quality"]}
        assert list(lines) == [rule.name for rule in quality.RULES]
        assert all(line["met"] for line in lines.values() if line["needed"]), lines
        assert lines["webhooks"]["met"] is kind["webhooks"]
        assert lines["sweep"]["met"] is True


def test_the_list_for_people_shows_marks(run: Any) -> None:
    code, out, _ = run("plugins")
    assert code == 0
    assert "conformance" in out
    (line,) = [line for line in out.splitlines() if line.startswith("woocommerce")]
    assert line.split()[-5:] == ["✓", "✓", "✓", "–", "✓"]


class Bare(HttpSource):
    type = "bare"
    title = "Bare"

    class Settings(SourceSettings):
        """A table."""

        key: str = Field(default="")

    def connect(self) -> Http:
        raise NotImplementedError


def lines_of(kind: type[Source], distribution: str = "") -> dict[str, tuple[bool | None, str]]:
    made = quality.report(quality.look(kind, distribution))
    return {line["rule"]: (line["met"], line["words"]) for line in made}


def test_what_a_plugin_lacks_is_said() -> None:
    found = lines_of(Bare)
    assert found["capabilities"][0] is False
    assert found["docs"] == (
        False, "no description of key, no docstring of the source, no README in the distribution",
    )  # fmt: skip
    assert found["conformance"] == (False, "no quality.json in its package")
    assert found["sandbox"] == (False, "none")
    assert found["sweep"] == (False, "deletions are not found")


def test_a_sandbox_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bare, "sandbox", "klientela_nowhere.sandbox:create")
    assert lines_of(Bare)["sandbox"] == (False, "klientela_nowhere.sandbox is not there")


@pytest.mark.parametrize("name", ["my-shop", "a", "shop24", "x" * 30, "class", "store-a-b"])
def test_names_make_packages_that_python_can_read(tmp_path: Path, name: str) -> None:
    files = scaffold.new(name, tmp_path)
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "{{" not in text
        if file.suffix == ".py":
            compile(text, str(file), "exec")
    folder = tmp_path / f"klientela-{name}"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    ((entry, module),) = project["project"]["entry-points"]["klientela"].items()
    assert entry == name
    assert (folder / module / "__init__.py").exists()
    assert module.isidentifier()
    assert not keyword.iskeyword(module)


@pytest.mark.parametrize(
    "name", ["", "My-Shop", "my_shop", "my shop", "-shop", "shop-", "a--b", "1shop", "../x", "x" * 31, "schüler"]
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be the name") as caught:
        scaffold.new(name, tmp_path)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["manual", "http", "shopify"])
def test_names_that_are_taken_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="is taken"):
        scaffold.new(name, tmp_path, taken={"shopify"})


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "klientela-kiosk").mkdir()
    (made, *_) = scaffold.new("kiosk", tmp_path)  # an empty folder is in nobody's way
    assert made.exists()
    made.write_text("mine", encoding="utf-8")
    with pytest.raises(Conflict, match="nothing was written"):
        scaffold.new("kiosk", tmp_path)
    assert made.read_text(encoding="utf-8") == "mine"
    (tmp_path / "klientela-other").write_text("a file", encoding="utf-8")
    with pytest.raises(Conflict):
        scaffold.new("other", tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Misconfigured, match="could not be written") as caught:
        scaffold.new("kiosk", tmp_path / "file")
    assert "--dir" in str(caught.value.hint)


def test_the_verb_writes_and_says_what_is_next(run: Any, here: Path) -> None:
    code, out, _ = run("plugins", "new", "kiosk", "--dir", "mine")
    assert code == 0
    assert "pip install" in out
    assert (here / "mine" / "klientela-kiosk" / "klientela_kiosk" / "source.py").exists()
    code, _, err = run("plugins", "new", "kiosk", "--dir", "mine")
    assert code == 1
    assert "is there already" in err
    assert run("plugins", "new", "shopify")[0] == 2
    made = document(run, "plugins", "new", "other")
    assert made["folder"] == "klientela-other"
    assert "klientela_other/quality.json" in made["files"]


def test_check_tells_what_a_source_cannot_know_and_the_profile_shows_no_cart_area(run: Any, here: Path) -> None:
    """T56, R33, from the command: a file knows of no carts, a pretend WooCommerce shop of no test orders either."""
    shop = WooCommerceSandbox(customers=0)
    buyer = shop.account(first_name="Ida", last_name="Nord", email="ida@post.example")
    shop.order(buyer)
    (here / "list.csv").write_text("id;email;first name\n1;anna@post.example;Anna\n", encoding="utf-8")
    with serve(shop.app) as url:
        told = "\n".join(f'{name} = "{value}"' for name, value in shop.settings(url).items())
        configure(f'[sources.shop]\n{told}\n[sources.file]\ntype = "csv"\npath = "list.csv"\n')
        found = {one["source"]: one for one in document(run, "check")["sources"]}
        assert found["shop"]["capabilities"] == ["accounts", "orders", "deletions"]
        assert found["shop"]["cannot_know"] == ["test_orders", "checkouts", "consents", "tags"]
        assert found["file"]["cannot_know"] == ["checkouts"]
        code, out, _ = run("check")
        assert code == 0
        assert "cannot know, so it is shown nowhere: test_orders, checkouts, consents, tags" in out
        document(run, "sync")
    rows = {row["first_name"]: row for row in document(run, "customers")["rows"]}
    assert (rows["Ida"]["test_order"], rows["Anna"]["test_order"]) == (None, False)
    assert (rows["Ida"]["orders"], rows["Anna"]["orders"]) == (1, 0)
    for row in rows.values():
        assert document(run, "customer", row["id"])["checkouts"] is None
        assert run("customer", row["id"])[0] == 0
