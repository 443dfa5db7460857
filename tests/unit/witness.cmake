ledger_test(witness_test unit witness_client_test.cpp witness_store_test.cpp witness_server_test.cpp https_client_test.cpp)
target_link_libraries(witness_test PRIVATE OpenSSL::SSL)
target_compile_definitions(witness_test PRIVATE LEDGER_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
