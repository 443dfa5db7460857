ledger_test(entry_codec_test unit entry_codec_test.cpp)
target_compile_definitions(entry_codec_test PRIVATE LEDGER_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
ledger_test(wire_schema_test unit wire_schema_test.cpp)
target_compile_definitions(wire_schema_test PRIVATE LEDGER_WIRE_DIR="${PROJECT_BINARY_DIR}/generated/schema/wire"
                                                    LEDGER_SCHEMA_DIR="${PROJECT_SOURCE_DIR}/schema")
ledger_test(state_codec_test unit state_codec_test.cpp)
ledger_test(json_reader_test unit json_reader_test.cpp)
ledger_test(form_json_test unit form_json_test.cpp)

add_test(NAME schema_conforms COMMAND ${FLATC} --conform ${PROJECT_SOURCE_DIR}/schema/released/ledger.v1.fbs
                                      ${PROJECT_SOURCE_DIR}/schema/ledger.fbs)
set_tests_properties(schema_conforms PROPERTIES LABELS unit)
