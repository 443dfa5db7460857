# The generated FlatBuffers headers, their binary schemas (for the reflection tests), and the text of the released
# schemas. `--conform` (a test) holds ledger.fbs to what was released; views are disposable and may change.
set(WIRE_DIR ${PROJECT_BINARY_DIR}/generated/schema/wire)
set(FLATC_FLAGS --require-explicit-ids --warnings-as-errors)

foreach(words ledger views)
  set(fbs ${CMAKE_CURRENT_SOURCE_DIR}/${words}.fbs)
  add_custom_command(
    OUTPUT ${WIRE_DIR}/${words}_generated.h ${WIRE_DIR}/${words}.bfbs
    COMMAND ${FLATC} ${FLATC_FLAGS} --scoped-enums --cpp --cpp-std c++17 -o ${WIRE_DIR} ${fbs}
    COMMAND ${FLATC} ${FLATC_FLAGS} --binary --schema -o ${WIRE_DIR} ${fbs}
    DEPENDS ${fbs} ${CMAKE_CURRENT_SOURCE_DIR}/ledger.fbs
    COMMENT "flatc ${words}.fbs"
    VERBATIM)
  target_sources(ledger_schema PRIVATE ${WIRE_DIR}/${words}_generated.h ${WIRE_DIR}/${words}.bfbs)
endforeach()
target_include_directories(ledger_schema SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/generated)

# Only reflection reads the released schema: a test compares it with what is written now.
set(RELEASED_FBS ${CMAKE_CURRENT_SOURCE_DIR}/released/ledger.v1.fbs)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${RELEASED_FBS})
add_custom_command(
  OUTPUT ${WIRE_DIR}/ledger.v1.bfbs
  COMMAND ${FLATC} ${FLATC_FLAGS} --binary --schema -o ${WIRE_DIR} ${RELEASED_FBS}
  DEPENDS ${RELEASED_FBS}
  COMMENT "flatc released/ledger.v1.fbs"
  VERBATIM)
target_sources(ledger_schema PRIVATE ${WIRE_DIR}/ledger.v1.bfbs)
file(READ ${RELEASED_FBS} RELEASED_SCHEMA_1)
configure_file(released.cpp.in ${PROJECT_BINARY_DIR}/generated/schema/released.cpp @ONLY)
target_sources(ledger_schema PRIVATE ${PROJECT_BINARY_DIR}/generated/schema/released.cpp)
