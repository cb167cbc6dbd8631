"""`stringx up` says which variables the dbt profile wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from stringx.embedded.profile import unset_variables

PROFILE = """
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('DEV_HOST') }}"
      password: '{{ env_var( "DEV_PASSWORD" ) }}'
      port: "{{ env_var('DEV_PORT', '5432') | as_number }}"
      search: ["{{ env_var('DEV_PATH') }}", "{{ env_var('DEV_HOST') }}"]
      threads: 4
    prod:
      host: "{{ env_var('PROD_HOST') }}"
"""


@pytest.mark.parametrize(
    ("targets", "environment", "unset"),
    [
        (["dev"], {}, ["DEV_HOST", "DEV_PASSWORD", "DEV_PATH"]),
        (["dev"], {"DEV_HOST": "db", "DEV_PASSWORD_FILE": "/run/secrets/it", "DEV_PATH": ""}, ["DEV_PATH"]),
        (["prod", "dev"], {"DEV_HOST": "db", "DEV_PASSWORD": "x", "DEV_PATH": "x"}, ["PROD_HOST"]),
        (["elsewhere"], {}, []),
    ],
)
def test_what_the_targets_read_and_is_not_set(tmp_path: Path, targets: list[str], environment: dict[str, str], unset: list[str]) -> None:
    (tmp_path / "profiles.yml").write_text(PROFILE)
    assert unset_variables(tmp_path / "profiles.yml", targets, environment) == unset


@pytest.mark.parametrize("text", ["", "a: [", "shop: 1", "shop: {outputs: []}", "- a", "\x00"])
def test_a_profile_that_is_none_is_for_dbt_to_say(tmp_path: Path, text: str) -> None:
    (tmp_path / "profiles.yml").write_text(text)
    assert unset_variables(tmp_path / "profiles.yml", ["dev"], {}) == []
    assert unset_variables(tmp_path / "none.yml", ["dev"], {}) == []
