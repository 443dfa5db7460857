# The working-day calendar is data; one generated source makes it tables. Included by schema/CMakeLists.txt.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/calendars_data.cpp
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/embed.py ${CMAKE_CURRENT_LIST_DIR}/prc.csv
          ${CMAKE_CURRENT_BINARY_DIR}/calendars_data.cpp
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/embed.py ${CMAKE_CURRENT_LIST_DIR}/prc.csv
  COMMENT "Embedding the working-day calendar" VERBATIM)
target_sources(ledger_schema PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/calendars_data.cpp)
