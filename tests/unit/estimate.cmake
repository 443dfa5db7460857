ledger_test(estimate_test unit estimate_test.cpp)
