"""All check functions of DQX: those that become rules of ours, and what is nearest to the others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stringx.gates.dqx.function import Function
from stringx.gates.dqx.rows import ROWS
from stringx.gates.dqx.tables import TABLES

FUNCTIONS: Mapping[str, Function] = {**ROWS, **TABLES}

#: Functions of shapes on a map, none of which has a counterpart.
GEOMETRY = re.compile(r".*(geo|polygon|point|linestring|area|coordinate|island|ogc|has_dimension)")

#: What has no counterpart, and what is nearest to it.
NEAREST: Mapping[str, str] = {
    "is_valid_date": "expect_column_values_to_match_regex",
    "is_valid_timestamp": "expect_column_values_to_match_regex",
    "is_valid_json": "expression_is_true",
    "has_json_keys": "expression_is_true",
    "has_valid_json_schema": "expression_is_true",
    "is_not_null_and_not_empty_array": "expression_is_true",
    "is_valid_ipv6_address": "expect_column_values_to_match_regex",
    "is_ipv4_address_in_cidr": "match_ipv4",
    "is_ipv6_address_in_cidr": "expect_column_values_to_match_regex",
    "is_valid_national_id": "expect_column_values_to_match_regex",
    "is_valid_country_code": "relationships",
    "is_valid_currency_code": "relationships",
    "is_valid_subdivision_code": "relationships",
    "is_valid_language_code": "relationships",
    "does_not_contain_pii": "expect_column_values_to_not_match_regex",
    "is_aggr_not_equal": "expression_is_true",
    "has_no_aggr_outliers": "expect_column_values_to_be_within_n_moving_stdevs",
    "aggr_matches_dataset": "equal_rowcount",
    "sql_query": "expression_is_true",
    "compare_datasets": "equality",
    "is_data_fresh_per_time_window": "expect_row_values_to_have_data_for_every_n_datepart",
    "has_no_gaps_per_time_window": "expect_row_values_to_have_data_for_every_n_datepart",
    "has_valid_schema": "no_schema_drift",
    "has_no_row_anomalies": "no_outliers_by_modified_z_score",
}
