# What durations and estimates are computed from.
ledger_test(survival_test unit survival_test.cpp)
ledger_test(durations_test unit durations_test.cpp)
