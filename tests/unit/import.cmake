ledger_test(official_list_test unit official_list_test.cpp)
target_compile_definitions(official_list_test PRIVATE LEDGER_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
ledger_test(import_test unit import_test.cpp)
ledger_test(lapse_test unit lapse_test.cpp ${PROJECT_SOURCE_DIR}/server/cli/lapse.cpp)
