ledger_test(types_test unit types_test.cpp)
