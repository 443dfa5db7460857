ledger_test(read_test unit visibility_test.cpp render_test.cpp query_test.cpp answer_cache_test.cpp)
ledger_test(openapi_test unit openapi_test.cpp)
ledger_test(bundle_test unit bundle_test.cpp)
ledger_test(bundle_collect_test unit bundle_collect_test.cpp)
