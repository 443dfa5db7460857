ledger_test(simulation_model_test unit simulation_model_test.cpp)
ledger_test(simulate_test unit simulate_test.cpp)
