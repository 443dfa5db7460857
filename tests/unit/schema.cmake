ledger_test(codes_test unit codes_test.cpp)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME "embed_test: bad code lists fail the build"
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/embed_test.py ${PROJECT_SOURCE_DIR}/schema/codes)
set_tests_properties("embed_test: bad code lists fail the build" PROPERTIES LABELS unit)
add_test(NAME "embed_test: a bad calendar fails the build"
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/calendar_embed_test.py ${PROJECT_SOURCE_DIR}/schema/calendars)
set_tests_properties("embed_test: a bad calendar fails the build" PROPERTIES LABELS unit)
