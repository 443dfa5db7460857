# The contract is served as it was at build time. Included by server/CMakeLists.txt: the rule must stand in the directory
# of the target that uses it.
set(OPENAPI_YAML ${PROJECT_SOURCE_DIR}/schema/openapi.yaml)
set(OPENAPI_CPP ${PROJECT_BINARY_DIR}/generated/server/openapi_text.cpp)
add_custom_command(
  OUTPUT ${OPENAPI_CPP}
  COMMAND ${CMAKE_COMMAND} -DIN=${OPENAPI_YAML} -DOUT=${OPENAPI_CPP} -DNAME=openapi_text -DHEADER=server/api/texts.hpp
          -P ${PROJECT_SOURCE_DIR}/server/api/embed_text.cmake
  DEPENDS ${OPENAPI_YAML} ${PROJECT_SOURCE_DIR}/server/api/embed_text.cmake
  VERBATIM)
target_sources(ledger_server PRIVATE ${OPENAPI_CPP})
