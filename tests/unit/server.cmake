ledger_test(api_parts_test unit negotiation_test.cpp problem_test.cpp routes_test.cpp command_bodies_test.cpp)
