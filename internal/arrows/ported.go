package arrows

import (
	"regexp"
	"slices"
)

// ported.go is the list of the tests that the other packages have of their own. What
// each of them is after, a test of ours is after too: docs/features.md says which.

// ported are the tests of each package, by the names they have there; one that a package
// has twice, or runs in several ways, is there once.
var ported = []struct{ of, tests string }{
	{"django-memoize", `
		test_00_set test_01_add test_02_delete test_03_delete_many test_04_clear test_06_memoize test_06a_memoize test_07_delete_memoize
		test_07b_delete_memoized_verhash test_08_delete_memoize test_09_args_memoize test_10_kwargs_memoize test_10a_kwargonly_memoize
		test_10a_arg_kwarg_memoize test_10ab_arg_kwarg_memoize test_10ac_arg_kwarg_memoize test_10b_classarg_memoize test_10c_classfunc_memoize
		test_10d_classfunc_memoize_delete test_10e_delete_memoize_classmethod test_14 test_15 test_16_memoize_kwargs_to_args test_17_memoize_none_value
		test_17_delete_memoized_instancemethod_with_mutable_param test_18_python3_uses_getfullargspec test_19_memoize_make_name
		test_20_memoize_unless test_21 test_22 test_23 test_24 test_25 test_26`},
	{"cacheme", `
		test_no_connection test_settings test_disable test_basic test_basic2 test_basic3 test_cache_arguments_bind test_cache_hit_miss test_tags
		test_skip_cache test_time_out test_key_missing test_thunder_herd_wait_success test_invalid_key test_invalid_pattern test_invalid_source
		test_stale test_no_stale test_no_key test_node_cache_basic test_node_cache_invalidation test_invalid_kwargs test_tag test_node_keys
		test_get_node_value test_get_node_no_value test_invalidation test_hit_miss test_hit_miss_override test_node_stale test_node_no_stale`},
	{"django-cacheme", `
		test_cache_simple test_cache_arguments_bind test_cache_hit_miss test_m2m_cache_left test_m2m_cache_right test_tags test_invalidation_model
		test_skip_cache test_time_out test_timeout_with_signal test_key_missing test_invalid_cacheme_result test_admin test_invalid_node
		test_node_cache_simple test_cache_m2m test_m2m_invalid_node`},
	{"django-cache-utils", `
		test_func_type test_func_info test_sanitize_keys test_group_invalidation test_func_invalidation test_method_invalidation
		test_invalidate_nonexisting test_decorator test_key_override test_object_attrs test_hashed_cache_key test_stringify_args
		test_function_with_http_request test_utf8_args test_utf8_repr test_none_cached test_legacy_key test_key test_invalid_non_str_key
		test_invalid_blank_str_key test_key_can_return_any_python_value`},
	{"django-keyedcache", `
		testCachePut testDeleteCachedFunction testCacheGetFail testCacheGetOK testCacheGetDefault testDelete testDisable testSimpleKey testDualKey
		testPairedKey testPairedDualKey test_basic_views`},
	{"cacheme-0.3", `
		test_memoize test_get test_get_override test_get_all test_memoize_concurrency test_get_concurrency test_get_all_concurrency test_stats
		test_invalidate test_refresh test_multiple_storage test_nodes test_set_prefix test_build_node test_storages test_serializers`},
	{"cacheme-go", `
		TestSingle TestSingleConcurrency TestCacheKey TestSingleFlightConcurrency TestCacheVersion TestMetaData TestMultiParams TestGetM
		TestMGetSingleFlight TestInvalidAllLarge TestSchemaToStore`},
}

// portedFrom are the names of the packages, the longest first, for an expression.
func portedFrom() (names []string) {
	for _, suite := range ported {
		names = append(names, regexp.QuoteMeta(suite.of))
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	return names
}
