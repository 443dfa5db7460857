# Texts are served as they were at build time. Included by server/CMakeLists.txt: a rule must stand in the directory of the
# target that uses it.
function(embed_text NAME SOURCE)
  set(MADE ${PROJECT_BINARY_DIR}/generated/server/${NAME}.cpp)
  add_custom_command(
    OUTPUT ${MADE}
    COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/${SOURCE} -DOUT=${MADE} -DNAME=${NAME} -DHEADER=server/api/texts.hpp
            -P ${PROJECT_SOURCE_DIR}/server/api/embed_text.cmake
    DEPENDS ${PROJECT_SOURCE_DIR}/${SOURCE} ${PROJECT_SOURCE_DIR}/server/api/embed_text.cmake
    VERBATIM)
  target_sources(ledger_server PRIVATE ${MADE})
endfunction()
embed_text(openapi_text schema/openapi.yaml)
embed_text(asyncapi_text schema/asyncapi.yaml)
embed_text(status_page_text server/page/status.html)
