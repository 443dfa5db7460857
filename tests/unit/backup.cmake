ledger_events_test(backup_test unit backup_test.cpp)
target_link_libraries(backup_test PRIVATE ledger::replay)
