# The code lists are data; one generated source makes them tables. Included by schema/CMakeLists.txt.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(code_lists algorithm_roles.json algorithm_types.json announcement_series.json display_channels.json
               product_forms.json refusals.json regions.csv rejection_reasons.json)
list(TRANSFORM code_lists PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/codes_data.cpp
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/embed.py ${CMAKE_CURRENT_LIST_DIR}
          ${CMAKE_CURRENT_BINARY_DIR}/codes_data.cpp
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/embed.py ${code_lists}
  COMMENT "Embedding the code lists" VERBATIM)
target_sources(ledger_schema PRIVATE codes.cpp ${CMAKE_CURRENT_BINARY_DIR}/codes_data.cpp)
