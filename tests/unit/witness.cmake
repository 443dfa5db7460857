ledger_test(witness_test unit witness_client_test.cpp)
