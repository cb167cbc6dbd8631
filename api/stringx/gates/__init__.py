"""Gates: YAML files, the checks they may name, slices bound to their columns, rules as dbt tests."""
