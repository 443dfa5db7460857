ledger_test(engine_test unit engine_test.cpp)
ledger_test(row_buffer_test unit row_buffer_test.cpp)
ledger_test(engine_history_test unit engine_history_test.cpp)
ledger_test(live_rebuild_test unit live_rebuild_test.cpp)
