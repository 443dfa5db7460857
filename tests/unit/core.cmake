add_library(ledger_test_core STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/support/memory_ledger.cpp)
target_link_libraries(ledger_test_core PUBLIC ledger::events)
ledger_test(core_test unit core_subject_test.cpp core_product_test.cpp core_filing_test.cpp core_access_test.cpp
            core_webhook_test.cpp core_calendar_test.cpp)
target_link_libraries(core_test PRIVATE ledger_test_core)
ledger_events_test(working_days_test unit working_days_test.cpp)
