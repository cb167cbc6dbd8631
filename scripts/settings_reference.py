"""Prints docs/reference/settings.md: `.venv/bin/python scripts/settings_reference.py >docs/reference/settings.md`."""

from stringx.settings import reference

print("""# Settings

<!-- Made by scripts/settings_reference.py from api/stringx/settings.py; a test holds both equal. -->

Every process reads its settings from environment variables, and nothing else. A variable with the prefix `STRINGX_` that is not
listed here stops the process with its name, so that a misspelt setting cannot pass in silence; only `STRINGX_TARGET_*` is free: the
dbt profile reads its connection from such variables (`STRINGX_TARGET_*_FILE` names a file to read the value from). Values that are
lists or maps are JSON.

A secret may be given as a file instead: the variable with `_FILE` appended names it. Secrets never show in logs, errors or reports.
`stringx settings` shows what a process would see in your environment.

| variable | default | what it says |
|---|---|---|""")
for setting in reference():
    default = "" if setting.default is None else f"`{setting.default}`"
    secret = f" A secret; or `{setting.variable}_FILE`." if setting.secret else ""
    description = setting.description.replace("|", "\\|").replace("<", "&lt;")
    print(f"| `{setting.variable}` | {default} | {description}{secret} |")
